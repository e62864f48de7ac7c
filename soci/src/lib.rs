//! Build, publish, read and verify SOCI (Seekable OCI) indexes, streaming.
//!
//! # What SOCI is
//!
//! A container image is a stack of layers, each a tar, mostly compressed with gzip. Neither
//! can be read from the middle, so a container host downloads and unpacks all of an image
//! before it starts the first process. Most of those bytes are not needed for a long time, if
//! ever.
//!
//! SOCI puts what is missing beside the image, and leaves the layers as they are:
//!
//! - A [**zTOC**](ztoc::Ztoc) is the table of contents of one layer: each file with the place
//!   of its data in the decompressed stream, and *checkpoints* at which decompression can
//!   start, about every 4 MiB. The compressed bytes between two checkpoints are a *span*.
//! - A **SOCI index** lists the zTOCs of one image manifest. It is an OCI artifact in the
//!   image's own repository.
//!
//! With them a host mounts the image at once and fetches the spans that are really read.
//!
//! Indexes come in two [versions](Version). V1 refers to the image, which stays as it is; the
//! host finds the index among the image's referrers. V2 makes a *SOCI-enabled image*: an image
//! index with the manifests, annotated, and the SOCI indexes side by side, so that image and
//! index cannot get apart.
//!
//! # Indexing an image
//!
//! [`index`] reads an image from a [`Source`] and stores zTOCs in a [`Destination`];
//! [`Indexed::publish`] then stores the documents that refer to them. Both traits are
//! implemented for an image in a registry ([`RegistryImage`]) and for an OCI image layout on
//! disk ([`LayoutImage`]).
//!
//! ```no_run
//! # async fn example() -> soci::Result<()> {
//! use soci::{Client, Credentials, ImageReference, Options};
//!
//! let reference: ImageReference = "registry.example.com/shop/web:1.4".parse()?;
//! let credentials = Credentials::from_docker_config(&reference).await?;
//! let image = Client::new()?.image(reference, credentials);
//!
//! let indexed = soci::index(&image, &image, &Options::default(), &()).await?;
//! indexed.publish(&image, Some("1.4-soci")).await?;
//! if let Some(digest) = indexed.report().digest {
//!     println!("run {}@{digest}", image.reference().name());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Reading a file without its layer
//!
//! [`inspect`] finds the indexes of an image. A [`LayerReader`] reads files out of a layer
//! through its zTOC, fetching only the spans that hold them.
//!
//! ```no_run
//! # async fn example(image: soci::RegistryImage) -> soci::Result<()> {
//! for platform in soci::inspect(&image).await?.platforms {
//!     for inspected in platform.indexes.iter().flat_map(|index| &index.ztocs) {
//!         let ztoc = inspected.read(&image).await?;
//!         let layer = platform.layers.iter().find(|l| l.digest == inspected.layer);
//!         if let (Some(layer), Ok(_)) = (layer, soci::find(&ztoc.files, "etc/os-release")) {
//!             let reader = soci::LayerReader::new(&image, layer, &ztoc)?;
//!             let content = reader.read_file("etc/os-release").await?;
//!             println!("{}", String::from_utf8_lossy(&content));
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What to expect
//!
//! - The bytes are those of the reference implementation (awslabs/soci-snapshotter), wherever
//!   that produces something a consumer can use. A layer that cannot be read lazily, such as
//!   one with sparse files, is [skipped with a reason](ztoc::Outcome) instead of failing the
//!   image or being indexed wrong.
//! - A layer is read once and never kept, neither in memory nor on disk. What is kept are its
//!   checkpoints (32 KiB for each span) and file metadata, up to a
//!   [limit](ztoc::Limits::max_size).
//! - Every blob and document is compared with its digest and size. Nothing that comes from
//!   outside decides how much is read or allocated.
//! - All sizes and offsets are bytes.

mod assemble;
mod build;
mod credentials;
mod current;
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
mod mark;
mod memory;
pub mod oci;
mod reference;
mod registry;
mod remove;
mod report;
mod store;
mod tar;
mod text;
mod verify;
pub mod ztoc;

pub use build::{Indexed, Observer, Options, Version, index};
pub use credentials::Credentials;
pub use current::is_current;
pub use digest::{Digest, InvalidDigest};
pub use error::{Error, Result};
pub use extract::{LayerReader, find};
pub use inspect::{IndexInspection, Inspection, PlatformInspection, Tree, ZtocInspection, inspect};
pub use layout::{LayerFile, LayoutImage};
pub use mark::Mark;
pub use memory::MemoryStore;
pub use reference::ImageReference;
pub use registry::{Client, Detail, RegistryError, RegistryImage};
pub use remove::{Removal, Removed};
pub use report::{IndexReport, Report, SkippedReport, SourceReport, ZtocReport};
pub use store::{ByteStream, Destination, Document, Source};
pub use verify::{Finding, verify_indexes};
