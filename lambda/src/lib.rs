//! The two Lambda functions that index images as they are pushed to Amazon ECR.
//!
//! ```text
//! push ─► EventBridge rule ─► event filter ─► index generator ─► Amazon ECR
//!                 schedule ─► ▲    (sweep: what no push reached)
//! ```
//!
//! The event filter selects images by `repository:tag` [filters]; the index generator builds the
//! index with the crate `soci` and pushes it alongside the image.
//!
//! Without its features, the crate contains only what the functions and the provider must agree on:
//! the [event], the [sources](source) of images, whether an image [concerns a builder](scope),
//! [filters], the [tag suffix](tag_suffix), [limits], the [request for a sweep](sweep_request), the
//! [claims](claim) on a manifest, the format of the [table of zTOCs](ztoc_table), the
//! [event](completion) that reports the outcome, and the names of [environment] variables.

#[cfg(feature = "bundle")]
pub mod bundle;
pub mod claim;
pub mod completion;
pub mod environment;
pub mod event;
pub mod filters;
pub mod grammar;
pub mod limits;
pub mod scope;
pub mod source;
pub mod sweep_request;
pub mod tag_suffix;
pub mod ztoc_table;

#[cfg(feature = "functions")]
mod archive;
#[cfg(feature = "functions")]
mod ecr;
#[cfg(feature = "functions")]
pub mod event_filter;
#[cfg(feature = "functions")]
pub mod index_generator;
#[cfg(feature = "functions")]
mod invoke;
#[cfg(feature = "functions")]
mod log;
#[cfg(feature = "functions")]
mod metrics;
#[cfg(feature = "functions")]
mod output_mark;
#[cfg(feature = "functions")]
mod runtime;
#[cfg(feature = "functions")]
mod variables;
