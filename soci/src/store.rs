//! Sources of images and destinations of indexes.
//!
//! The traits are implemented here for an OCI image layout on disk or in an archive, and in
//! `registry` for an image in a registry. This module depends only on `oci`.

mod archive;
mod content;
mod destination;
mod layout;
mod listing;
mod pack;
mod source;

pub(crate) use content::{MAX_MANIFEST, config_platform, read_blob, verify};
pub use destination::Destination;
pub use layout::LayoutImage;
pub use source::{BlobSource, ByteStream, ImageSource};
