//! Building a zTOC in one pass.
//!
//! ```text
//! compressed bytes ──► scanner ──► decompressed bytes ──► tar reader ──► file metadata
//!                         │
//!                         ├──► span borders, compressed bytes ──► span digests
//!                         └──► checkpoints
//! ```
//!
//! The scanner belongs to the layer's compression (see `compression`); everything else is the
//! same for all. The builder is pushed compressed bytes in pieces of any size and keeps none.

use std::ops::RangeInclusive;

use super::compression::{Compression, Scanner};
use super::error::CorruptLayer;
use super::model::Ztoc;
use super::options::Options;
use super::sink::Sink;
use super::skip::SkipReason;
use crate::oci::Digest;
use crate::tar::FileMetadata;

/// FlatBuffers end at 2 GiB, whatever the limit.
const LARGEST: u64 = (2 << 30) - (1 << 20);

/// A finished zTOC.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltZtoc {
    /// The serialized zTOC.
    pub bytes: Vec<u8>,
    /// Digest of the bytes.
    pub digest: Digest,
    /// Number of files in the layer.
    pub files: usize,
    /// Number of spans.
    pub spans: usize,
    /// Whether the layer has more than one gzip member. Readers before soci-snapshotter v0.14.0
    /// return wrong bytes or errors for such a layer.
    pub several_members: bool,
    /// Whether any file has extended attributes or makes its directory opaque.
    pub needs_xattrs: bool,
    /// Spans of each of [`Options::prefetch_files`]; `None` if it is not in the layer, or empty.
    pub prefetch: Vec<Option<RangeInclusive<usize>>>,
}

/// Outcome of indexing a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The layer has a zTOC.
    Built(BuiltZtoc),
    /// The layer cannot be read lazily.
    Skipped(SkipReason),
}

/// Builds the zTOC of one layer.
pub struct Builder {
    options: Options,
    scanner: Box<dyn Scanner>,
    sink: Sink,
}

impl Builder {
    /// Creates a builder for a layer of a compression.
    pub fn new(compression: Compression, mut options: Options) -> Self {
        options.span_size = options.span_size.max(1);
        options.limits.max_ztoc_size = options.limits.max_ztoc_size.min(LARGEST);
        Self {
            scanner: compression.codec().scanner(options.span_size),
            sink: Sink::new(options.limits.max_ztoc_size),
            options,
        }
    }

    /// Receives the layer's next bytes.
    ///
    /// # Errors
    /// If they are not a stream of the layer's compression.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), CorruptLayer> {
        self.scanner.push(bytes, &mut self.sink)
    }

    /// Ends the layer.
    ///
    /// # Errors
    /// If its compressed stream is cut off.
    pub fn finish(self) -> Result<Outcome, CorruptLayer> {
        let compressed_size = self.sink.position();
        let checkpoints = self.scanner.finish(&self.sink)?;
        let received = match self.sink.finish() {
            Ok(received) => received,
            Err(reason) => return Ok(Outcome::Skipped(reason)),
        };
        let ztoc = Ztoc {
            build_tool: self.options.build_tool.into_bytes(),
            compressed_size,
            uncompressed_size: received.uncompressed_size,
            files: received.files,
            checkpoints,
            span_digests: received.span_digests,
        };
        let mut built = BuiltZtoc::of(&ztoc, &self.options.prefetch_files);
        let limit = self.options.limits.max_ztoc_size;
        if built.bytes.len() as u64 > limit {
            return Ok(Outcome::Skipped(SkipReason::ZtocTooLarge { limit }));
        }
        built.several_members = received.several_members;
        Ok(Outcome::Built(built))
    }
}

impl BuiltZtoc {
    /// Serializes a zTOC of a layer with one member.
    pub(crate) fn of(ztoc: &Ztoc, prefetch_files: &[String]) -> Self {
        let bytes = ztoc.to_bytes();
        let wanted = prefetch_files.iter();
        Self {
            digest: Digest::of(&bytes),
            bytes,
            files: ztoc.files.len(),
            spans: ztoc.span_digests.len(),
            several_members: false,
            needs_xattrs: ztoc.files.iter().any(needs_xattrs),
            prefetch: wanted.map(|path| spans_of(ztoc, path)).collect(),
        }
    }
}

/// Returns the spans that hold a file of the layer.
fn spans_of(ztoc: &Ztoc, path: &str) -> Option<RangeInclusive<usize>> {
    let file = ztoc.file(path).ok()?;
    let start = u64::try_from(file.offset).ok()?;
    let end = start.checked_add(u64::try_from(file.size).ok()?)?;
    if start == end {
        return None;
    }
    let points = &ztoc.checkpoints;
    Some(points.span_of(start)..=points.span_of(end - 1))
}

/// Whether a consumer that ignores extended attributes would mount this entry wrong.
fn needs_xattrs(file: &FileMetadata) -> bool {
    let base = file.name.rsplit(|&b| b == b'/').next();
    base == Some(b".wh..wh..opq")
        || file
            .xattrs
            .iter()
            .any(|record| record.key.starts_with(b"SCHILY.xattr."))
}
