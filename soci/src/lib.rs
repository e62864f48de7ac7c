//! SOCI (Seekable OCI) indexes.

mod build;
mod credentials;
mod digest;
mod enable;
mod error;
mod extract;
mod image;
mod inflate;
mod inspect;
mod json;
mod layer;
mod layout;
mod memory;
pub mod oci;
mod reference;
mod registry;
mod remove;
mod report;
mod store;
mod tar;
mod verify;
pub mod ztoc;

pub use build::{Indexed, Observer, Options, Version, index};
pub use credentials::Credentials;
pub use digest::{Digest, InvalidDigest};
pub use error::{Error, Result};
pub use extract::{LayerReader, find};
pub use inspect::{IndexInspection, Inspection, PlatformInspection, Tree, ZtocInspection, inspect};
pub use layout::{LayerFile, LayoutImage};
pub use memory::MemoryStore;
pub use reference::ImageReference;
pub use registry::{Client, Detail, RegistryError, RegistryImage};
pub use report::{IndexReport, Report, SkippedReport, SourceReport, ZtocReport};
pub use store::{ByteStream, Destination, Document, Source};
pub use verify::{Finding, verify_indexes};
