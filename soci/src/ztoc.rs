//! zTOCs: tables of contents of individual layers.
//!
//! A zTOC lists every file of a layer's tar with the position of its data in the decompressed
//! stream, and contains checkpoints at which decompression can start. With both, a single file can
//! be read from a layer by fetching and decompressing a few spans.
//!
//! Everything here is synchronous and works on bytes that the caller supplies: [`Builder`] builds a
//! layer's zTOC in one pass, [`Ztoc::parse`] and [`Ztoc::to_bytes`] convert between a zTOC and its
//! serialized form, [`Ztoc::file`] looks up a file, and [`SpanReader`] reads a layer through its
//! zTOC.
//!
//! This module depends only on `oci` for digests and `tar` for the archive.

mod builder;
mod compression;
mod entries;
mod error;
mod extract;
mod flatbuffer;
mod lookup;
#[cfg(feature = "images")]
mod members;
mod model;
mod options;
mod read;
mod sink;
mod skip;
#[cfg_attr(
    not(feature = "images"),
    allow(
        dead_code,
        reason = "spans are hashed elsewhere where there are threads"
    )
)]
mod spans;
pub(crate) mod weight;
mod write;

pub use crate::tar::{EntryType, FileMetadata, PaxRecord, TarError};
pub use builder::{Builder, BuiltZtoc};
pub use compression::{Checkpoint, Checkpoints, Compression, WINDOW};
pub use error::{CorruptLayer, InvalidZtoc};
pub use extract::{ExtractError, SpanReader};
pub use lookup::LookupError;
#[cfg(feature = "images")]
pub(crate) use members::LastSpan;
pub use model::{DEFAULT_BUILD_TOOL, DEFAULT_SPAN_SIZE, Ztoc};
pub use options::Options;
pub use skip::SkipReason;
#[cfg(feature = "images")]
pub(crate) use spans::{Border, SpanHasher};
