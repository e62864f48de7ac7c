//! Builds, publishes, reads and verifies SOCI (Seekable OCI) indexes, streaming.
//!
//! # What SOCI is
//!
//! A container image is a stack of layers, each a tar, usually compressed with gzip. Neither format
//! supports random access, so a container host downloads and unpacks the whole image before it
//! starts the first process, although most of those bytes are not needed until much later, if ever.
//!
//! SOCI stores the missing information alongside the image, and leaves the layers unchanged:
//!
//! - A [**zTOC**](ztoc::Ztoc) is the table of contents of one layer: each file with the position of
//!   its data in the decompressed stream, and *checkpoints* at which decompression can start, about
//!   every 4 MiB. The compressed bytes between two checkpoints are a *span*.
//! - A **SOCI index** lists the zTOCs of one image manifest. It is an OCI artifact in the image's
//!   own repository.
//!
//! With these, a host mounts the image immediately and fetches only the spans that are read.
//!
//! Indexes come in two versions. V1 refers to the image, which does not change; the host finds the
//! index among the image's referrers. V2 creates a *SOCI-enabled image*: an image index that lists
//! the annotated manifests alongside the SOCI indexes, so that image and index cannot be separated.
//!
//! # Whole images
//!
//! With the feature `images`, which is enabled by default, `index` reads an image from an
//! `ImageSource` and stores zTOCs in a `Destination`; `Indexed::publish` then stores the manifests
//! that refer to them. Both traits are implemented for an image in a registry (`RegistryImage`) and
//! for an OCI image layout on disk (`LayoutImage`). `inspect` finds the indexes of an image,
//! `verify_indexes` verifies them against it, and a `LayerReader` reads single files through a
//! zTOC. The README has examples.
//!
//! # Single layers
//!
//! Without any features, the crate is synchronous and performs no I/O of its own. [`ztoc`]
//! builds zTOCs and reads layers through them.
//!
//! # Guarantees
//!
//! - The output is byte-identical to that of the reference implementation
//!   (awslabs/soci-snapshotter) wherever that produces something a consumer can use. A layer that
//!   cannot be read lazily, such as one with sparse files, is
//!   [skipped with a reason](ztoc::SkipReason) rather than failing the image or being indexed
//!   incorrectly.
//! - A layer is never stored, neither in memory nor on disk. Only its checkpoints (32 KiB for each
//!   span) and file metadata are kept until its zTOC is stored, within a [`MemoryBudget`] for all
//!   layers together.
//! - Every blob and manifest is verified against its digest and size. Untrusted data never
//!   determines how much is read or allocated.
//! - All sizes and offsets are in bytes.
//!
//! # Modules
//!
//! A module uses only those above it:
//!
//! ```text
//! memory, oci, text, version
//! tar
//! ztoc
//! error
//! store
//! registry, image, extract
//! inspect, mark, remove
//! deployment, index
//! verify
//! ```

#[cfg(feature = "images")]
mod deployment;
#[cfg(feature = "images")]
mod error;
#[cfg(feature = "images")]
mod extract;
#[cfg(feature = "images")]
mod image;
#[cfg(feature = "images")]
mod index;
#[cfg(feature = "images")]
mod inspect;
#[cfg(feature = "images")]
mod mark;
mod memory;
pub mod oci;
#[cfg(feature = "images")]
mod registry;
#[cfg(feature = "images")]
mod remove;
#[cfg(feature = "images")]
mod store;
mod tar;
mod text;
#[cfg(feature = "images")]
mod verify;
#[cfg(feature = "images")]
mod version;
pub mod ztoc;

#[cfg(feature = "images")]
pub use deployment::{
    CompleteIndex, Deployment, complete_indexes, find_deployment, one_per_platform,
    wait_for_deployment,
};
#[cfg(feature = "images")]
pub use error::{CredentialsError, Detail, Error, RegistryError, Result, SetupError, Tried};
#[cfg(feature = "images")]
pub use extract::LayerReader;
#[cfg(feature = "images")]
pub use image::{LeftOut, LeftOutReason};
#[cfg(feature = "images")]
pub use index::{
    EarlierIndexes, IndexReport, Indexed, Knowledge, KnownKey, KnownLayer, KnownZtoc, Options,
    Progress, Report, Reused, SkippedReport, SourceReport, ZtocReport, index, is_fresh,
};
#[cfg(feature = "images")]
pub use inspect::{
    IndexInspection, Inspection, PlatformInspection, ReadZtoc, Tree, ZtocInspection, inspect,
};
#[cfg(feature = "images")]
pub use mark::{Mark, mark_of};
pub use memory::MemoryBudget;
pub use oci::{Digest, InvalidDigest, Manifest};
#[cfg(feature = "images")]
pub use oci::{ImageReference, InvalidReference};
#[cfg(feature = "images")]
pub use registry::{Client, CredentialChain, CredentialSource, Credentials, RegistryImage};
#[cfg(feature = "images")]
pub use remove::{MAX_TAGS, Removal, Removed};
#[cfg(feature = "images")]
pub use store::{BlobSource, ByteStream, Destination, ImageSource, LayoutImage};
#[cfg(feature = "images")]
pub use verify::{Finding, Verification, verify_indexes};
#[cfg(feature = "images")]
pub use version::Version;

/// Compiles and runs the examples of the README.
#[cfg(all(doctest, feature = "images"))]
#[doc = include_str!("../README.md")]
struct Readme;
