//! Construction of a zTOC in one pass.
//!
//! ```text
//! compressed bytes ──► scanner ──► decompressed bytes ──► tar reader ──► entries
//!                         │
//!                         ├──► span borders, compressed bytes ──► span digests
//!                         └──► checkpoints
//! ```
//!
//! The scanner belongs to the layer's compression (see `compression`); everything else is common to
//! all of them. Compressed bytes are pushed to the builder in pieces of any size, none of which it
//! keeps. It stops at the first reason to skip the layer.

use std::ops::RangeInclusive;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::compression::{Compression, Scanner};
use super::lookup;
#[cfg(feature = "images")]
use super::model::Ztoc;
use super::options::Options;
use super::sink::Sink;
#[cfg(feature = "images")]
use super::sink::wants_xattrs;
use super::skip::SkipReason;
#[cfg(feature = "images")]
use super::spans::Border;
use super::spans::Spans;
use super::weight;
use super::write::{Parts, write};
use crate::memory::Share;
use crate::oci::Digest;

/// A finished zTOC. It holds its share of the memory budget.
#[derive(Debug)]
#[non_exhaustive]
pub struct BuiltZtoc {
    /// The serialized zTOC, in pieces because it may exceed a gigabyte.
    pub pieces: Vec<Bytes>,
    /// Total size of the pieces in bytes.
    pub size: u64,
    /// Digest of the concatenated pieces.
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
    /// Spans of each of [`Options::prefetch_files`]; `None` if the file is not in the layer or is
    /// empty.
    pub prefetch: Vec<Option<RangeInclusive<usize>>>,
    share: Share,
}

/// Builds the zTOC of one layer.
pub struct Builder {
    options: Options,
    compression: Compression,
    scanner: Box<dyn Scanner>,
    sink: Sink,
    skipped: Option<SkipReason>,
    /// Bytes of the share that were already used for something else.
    before: u64,
}

impl Builder {
    /// Creates a builder for a layer with the given compression. It never waits for memory: the
    /// layer is also skipped if others hold too much of the budget.
    pub fn new(compression: Compression, options: Options) -> Self {
        let share = options.memory.share();
        Self::with_spans(compression, options, Spans::hashed_here(), share)
    }

    /// Creates a builder for a layer that has a share of the budget, and whose spans are hashed by
    /// the caller.
    #[cfg(feature = "images")]
    pub(crate) fn with_share(compression: Compression, options: Options, share: Share) -> Self {
        Self::with_spans(compression, options, Spans::hashed_elsewhere(), share)
    }

    fn with_spans(
        compression: Compression,
        mut options: Options,
        spans: Spans,
        mut share: Share,
    ) -> Self {
        options.span_size = options.span_size.max(1);
        let before = share.used();
        let skipped = share.grow(weight::LAYER).err();
        Self {
            compression,
            scanner: compression.codec().scanner(options.span_size),
            sink: Sink::new(options.single_member, spans, share),
            options,
            before,
            skipped: skipped.map(SkipReason::from),
        }
    }

    /// Receives the layer's next bytes.
    ///
    /// # Errors
    /// If the layer cannot have a zTOC. Pushing more bytes does not change that.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), SkipReason> {
        if let Some(reason) = &self.skipped {
            return Err(reason.clone());
        }
        let pushed = self.scanner.push(bytes, &mut self.sink);
        self.skipped = pushed.as_ref().err().cloned();
        pushed
    }

    /// Takes the borders of spans found since the last call.
    #[cfg(feature = "images")]
    pub(crate) fn take_borders(&mut self) -> Vec<Border> {
        self.sink.take_borders()
    }

    /// Returns whether the layer was skipped because others held the memory.
    pub(crate) fn is_crowded(&self) -> bool {
        self.sink.is_crowded() && matches!(self.skipped, Some(SkipReason::TooMuchMemory { .. }))
    }

    /// Ends the layer.
    ///
    /// # Errors
    /// If the layer cannot have a zTOC.
    pub fn finish(self) -> Result<BuiltZtoc, SkipReason> {
        self.finish_with(Vec::new())
    }

    /// Ends the layer, given the digests of the spans if the caller hashed them.
    ///
    /// # Errors
    /// If the layer cannot have a zTOC.
    pub(crate) fn finish_with(self, digests: Vec<Digest>) -> Result<BuiltZtoc, SkipReason> {
        if let Some(reason) = self.skipped {
            return Err(reason);
        }
        let compressed_size = self.sink.position();
        let checkpoints = self.scanner.finish(&self.sink)?;
        let received = self.sink.finish(digests)?;
        let entries = received.entries;
        let found = lookup::find(&self.options.prefetch_files, &|visit| entries.each(visit));
        let starts = &received.span_starts;
        let span_of = |offset| starts.partition_point(|start| *start <= offset).max(1) - 1;
        let prefetch = found
            .into_iter()
            .map(|found| {
                let (offset, size) = found.ok().map(|found| (found.offset, found.size))?;
                spans_of(offset, size, span_of)
            })
            .collect();
        let files = entries.count();
        let parts = Parts {
            build_tool: self.options.build_tool.as_bytes(),
            compressed_size,
            uncompressed_size: received.uncompressed_size,
            compression: self.compression,
            checkpoints,
            span_digests: &received.span_digests,
            files,
            files_size: entries.written(),
        };
        let pieces = write(parts, |visit| entries.each_from_the_last(visit));
        let mut built = BuiltZtoc {
            several_members: received.several_members,
            needs_xattrs: received.needs_xattrs,
            prefetch,
            files,
            spans: received.span_digests.len(),
            ..BuiltZtoc::of_pieces(pieces, received.share)
        };
        built.share.shrink(self.before + built.size);
        Ok(built)
    }
}

impl BuiltZtoc {
    fn of_pieces(pieces: Vec<Bytes>, share: Share) -> Self {
        let mut hasher = Sha256::new();
        for piece in &pieces {
            hasher.update(piece);
        }
        Self {
            size: pieces.iter().map(|piece| piece.len() as u64).sum(),
            digest: hasher.into(),
            pieces,
            files: 0,
            spans: 0,
            several_members: false,
            needs_xattrs: false,
            prefetch: Vec::new(),
            share,
        }
    }

    /// Serializes the zTOC of a layer with one member. Both account their memory to the share.
    #[cfg(feature = "images")]
    pub(crate) fn of(
        ztoc: &Ztoc,
        prefetch_files: &[String],
        mut share: Share,
    ) -> Result<Self, crate::memory::Short> {
        share.grow(ztoc.written())?;
        let points = &ztoc.checkpoints;
        let spans = |file: Result<&crate::tar::FileMetadata, _>| {
            let file = file.ok()?;
            spans_of(file.offset, file.size, |offset| points.span_of(offset))
        };
        Ok(Self {
            files: ztoc.files.len(),
            spans: ztoc.span_digests.len(),
            needs_xattrs: ztoc.files.iter().any(|file| wants_xattrs(&file.as_entry())),
            prefetch: ztoc.find(prefetch_files).into_iter().map(spans).collect(),
            ..Self::of_pieces(ztoc.to_pieces(), share)
        })
    }

    /// Parses the zTOC back, and returns it with the share that accounts for both.
    #[cfg(feature = "images")]
    pub(crate) fn parse(mut self) -> Result<(Ztoc, Share), super::error::InvalidZtoc> {
        self.share.grow(self.size)?;
        let bytes = Bytes::from(self.to_bytes());
        let ztoc = Ztoc::parse_within(&bytes, &mut self.share)?;
        Ok((ztoc, self.share))
    }

    /// Returns the serialized zTOC in one piece.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

/// Compares the bytes and the facts about the layer, not the memory held.
impl PartialEq for BuiltZtoc {
    fn eq(&self, other: &Self) -> bool {
        let facts = |built: &Self| {
            (
                built.digest,
                built.size,
                built.files,
                built.spans,
                built.several_members,
                built.needs_xattrs,
            )
        };
        facts(self) == facts(other) && self.prefetch == other.prefetch
    }
}

impl Eq for BuiltZtoc {}

/// Returns the spans that hold a file of the layer, or `None` if the file is empty.
fn spans_of(
    offset: i64,
    size: i64,
    span_of: impl Fn(u64) -> usize,
) -> Option<RangeInclusive<usize>> {
    let start = u64::try_from(offset).ok()?;
    let end = start.checked_add(u64::try_from(size).ok()?)?;
    (start < end).then(|| span_of(start)..=span_of(end - 1))
}
