//! The two Lambda functions that index images as they are pushed to Amazon ECR.
//!
//! ```text
//! push ─► EventBridge rule ─► event filter ─► index generator ─► Amazon ECR
//! ```
//!
//! The event filter decides by `repository:tag` [filters]; the index generator builds with the
//! crate `soci` and pushes the index beside the image. Without its features the
//! crate holds what whoever deploys the functions shares with them: the filters, and the names
//! of their [environment] variables.

#[cfg(feature = "bundle")]
pub mod bundle;
pub mod environment;
pub mod filters;

#[cfg(feature = "functions")]
mod event;
#[cfg(feature = "functions")]
pub mod event_filter;
#[cfg(feature = "functions")]
pub mod index_generator;
#[cfg(feature = "functions")]
mod log;
#[cfg(feature = "functions")]
mod runtime;
#[cfg(feature = "functions")]
mod variables;
