//! Images in OCI registries.
//!
//! Requests are implemented here rather than with `oci-client`, because they need features that it
//! lacks: bounded bodies (including those of errors), URLs without secrets in messages, retries,
//! downloads that resume where they broke off, and deletion.
//!
//! ```text
//! RegistryImage: resolve, pull, push, list, delete, referrers    one file a verb
//!       │
//! connection: one repository, with authorization and retries
//!       │
//! client: HTTP and TLS
//! ```
//!
//! This module depends on `oci` and implements the traits of `store`.

mod auth;
mod body;
mod client;
mod connection;
mod credentials;
mod delete;
mod download;
mod exchange;
mod image;
mod list;
mod manifest;
mod pace;
mod pull;
mod push;
mod referrers;
mod resolve;
mod retry;
mod route;
mod storage;

pub use client::Client;
pub use credentials::{CredentialChain, CredentialSource, Credentials};
pub use image::RegistryImage;
pub(crate) use referrers::is_referrers_tag;
