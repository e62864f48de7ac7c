//! SOCI (Seekable OCI) indexes.

mod build;
mod digest;
mod error;
mod extract;
mod image;
mod inflate;
mod inspect;
mod json;
mod layer;
mod layout;
pub mod oci;
mod reference;
mod registry;
mod store;
mod tar;
pub mod ztoc;

pub use build::{
    IndexReport, Observer, Options, Report, SkippedReport, SourceReport, Version, ZtocReport, build,
};
pub use digest::{Digest, InvalidDigest};
pub use error::{Error, Result};
pub use extract::{LayerReader, find};
pub use inspect::{IndexInspection, Inspection, PlatformInspection, ZtocInspection, inspect};
pub use layout::{LayoutImage, MemoryStore};
pub use reference::ImageReference;
pub use registry::{Client, Credentials, Detail, RegistryError, RegistryImage};
pub use store::{ByteStream, Destination, Document, Source};
