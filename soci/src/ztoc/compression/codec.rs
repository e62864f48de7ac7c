//! The trait of compression formats, and checkpoints in the form that all of them share.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::ztoc::error::{CorruptLayer, InvalidZtoc};
use crate::ztoc::sink::Sink;
use crate::ztoc::skip::SkipReason;

/// A compression format of layers.
pub(in crate::ztoc) trait Codec: Send + Sync {
    /// Human-readable name.
    fn name(&self) -> &'static str;

    /// Number in zTOCs.
    fn number(&self) -> i8;

    /// Suffix of OCI's media types for layers.
    fn oci_suffix(&self) -> &'static str;

    /// Suffix of Docker's media types for layers, if they name the compression.
    fn docker_suffix(&self) -> Option<&'static str>;

    /// Magic number at the start of every layer; empty if it can start with anything.
    fn magic(&self) -> &'static [u8];

    /// Starts a pass that makes checkpoints `span_size` decompressed bytes apart.
    fn scanner(&self, span_size: u64) -> Box<dyn Scanner>;

    /// Parses the checkpoints of a zTOC, and checks that they are possible for a layer of
    /// `compressed_size` bytes.
    fn parse(&self, bytes: Bytes, compressed_size: u64) -> Result<Checkpoints, InvalidZtoc>;

    /// Returns the checkpoint that starts span `index`, which must exist.
    fn checkpoint<'a>(&self, checkpoints: &'a Checkpoints, index: usize) -> Checkpoint<'a>;

    /// Starts decompression at a checkpoint.
    fn decoder(&self, start: &Checkpoint<'_>) -> Box<dyn SpanDecoder>;
}

/// A pass over a layer that makes its checkpoints.
pub(in crate::ztoc) trait Scanner: Send {
    /// Passes the compressed bytes on to the sink along with their decompressed form, and starts
    /// spans. Nothing is pushed after an error.
    fn push(&mut self, bytes: &[u8], sink: &mut Sink) -> Result<(), SkipReason>;

    /// Ends the layer, and returns its checkpoints in their serialized form, in pieces.
    fn finish(self: Box<Self>, sink: &Sink) -> Result<Vec<Bytes>, CorruptLayer>;
}

/// Decompression from a checkpoint.
pub(in crate::ztoc) trait SpanDecoder: Send {
    /// Decompresses into `sink` until it returns false. The first bytes are those of the span that
    /// starts at the checkpoint, including the byte shared with the previous span.
    fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Corrupt>;
}

/// Bytes that are not a valid stream of the compression, or that have a wrong checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ztoc) struct Corrupt;

/// A compression format of layers.
#[derive(Clone, Copy)]
pub struct Compression(&'static dyn Codec);

impl Compression {
    pub(super) const fn new(codec: &'static dyn Codec) -> Self {
        Self(codec)
    }

    pub(in crate::ztoc) fn codec(self) -> &'static dyn Codec {
        self.0
    }

    /// Returns the name: `gzip`, or `none` for a plain tar.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl PartialEq for Compression {
    fn eq(&self, other: &Self) -> bool {
        self.0.number() == other.0.number()
    }
}

impl Eq for Compression {}

impl fmt::Debug for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compression({})", self.name())
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The checkpoints of one layer, each of which starts a span.
#[derive(Clone, PartialEq, Eq)]
pub struct Checkpoints {
    compression: Compression,
    span_size: u64,
    spans: usize,
    /// The serialized checkpoints. They are kept in this form because they make up most of a zTOC.
    bytes: Bytes,
}

/// A position at which decompression can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint<'a> {
    /// Number of compressed bytes before it, including the byte that it splits.
    pub compressed: u64,
    /// Number of decompressed bytes before it.
    pub uncompressed: u64,
    /// Number of bits (0-7) of the last compressed byte that belong to what follows.
    pub bits: u8,
    /// The decompressed bytes before it that decompression needs: [`WINDOW`](super::WINDOW) bytes
    /// for gzip, none for a plain tar.
    pub window: &'a [u8],
}

impl fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoints")
            .field("compression", &self.compression)
            .field("span_size", &self.span_size)
            .field("spans", &self.spans)
            .finish_non_exhaustive()
    }
}

impl Checkpoints {
    pub(super) fn new(
        compression: Compression,
        span_size: u64,
        spans: usize,
        bytes: Bytes,
    ) -> Self {
        Self {
            compression,
            span_size,
            spans,
            bytes,
        }
    }

    /// Returns the compression of the layer.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Returns the number of spans.
    pub fn spans(&self) -> usize {
        self.spans
    }

    /// Returns the span size that the checkpoints were made with, in decompressed bytes.
    pub fn span_size(&self) -> u64 {
        self.span_size
    }

    /// Returns the checkpoints in their serialized form.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the checkpoint that starts span `index`.
    ///
    /// # Panics
    /// If `index` is out of bounds.
    pub fn get(&self, index: usize) -> Checkpoint<'_> {
        assert!(index < self.spans, "span {index} of {}", self.spans);
        self.compression.codec().checkpoint(self, index)
    }

    /// Returns the range of compressed bytes of span `index` in a layer of `compressed_size` bytes.
    ///
    /// # Panics
    /// If `index` is out of bounds.
    pub fn span(&self, index: usize, compressed_size: u64) -> Range<u64> {
        let point = self.get(index);
        let start = point.compressed - u64::from(point.bits != 0);
        let end = if index + 1 < self.spans {
            self.get(index + 1).compressed
        } else {
            compressed_size
        };
        start..end
    }

    /// Returns the span that holds the decompressed byte at `offset`; the last span if the offset
    /// is past the end.
    pub fn span_of(&self, offset: u64) -> usize {
        // Find the last checkpoint at or before the offset; the first is at 0.
        let (mut low, mut high) = (0, self.spans);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.get(middle).uncompressed <= offset {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}
