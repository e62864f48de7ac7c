//! Names and documents of the OCI image format.
//!
//! Everything here is data: digests, descriptors, manifests, media types, references. There is no
//! I/O. This module depends on no other module of this crate.
//!
//! The structs keep the field order of the reference implementation (OCI image-spec 1.1), because
//! manifests are identified by the digest of their bytes. Unknown fields are dropped, as they are
//! there.

pub mod annotation;
mod descriptor;
mod digest;
pub(crate) mod json;
mod lenient;
mod manifest;
pub mod media_type;
mod platform;
#[cfg(feature = "images")]
mod reference;

pub use descriptor::{Annotations, Descriptor};
pub use digest::{Digest, InvalidDigest};
pub use json::InvalidJson;
#[cfg(feature = "images")]
pub(crate) use manifest::EMPTY_JSON;
pub use manifest::{ImageIndex, ImageManifest, Manifest};
pub use platform::{InvalidPlatform, Platform};
#[cfg(feature = "images")]
pub use reference::{ImageReference, InvalidReference};
