//! Building a zTOC in one pass.
//!
//! ```text
//! compressed bytes ──► inflate ──► output buffer ──► tar reader ──► file metadata
//!        │                │              │
//!        ▼                ▼              ▼
//!   span digest ◄──── block border ──► checkpoint (position, bits, last 32 KiB of output)
//! ```
//!
//! The builder is pushed compressed bytes in pieces of any size and keeps nothing of them. A
//! checkpoint is due at the first block border that lies more than a span behind the last
//! one; until that much output is there, inflating does not stop at borders at all, so that
//! small blocks cost nothing. The output buffer keeps the last 32 KiB before the new output,
//! which makes every window one slice.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::checkpoint::{Checkpoints, GzipCheckpoints, WINDOW};
use super::{DEFAULT_BUILD_TOOL, DEFAULT_SPAN_SIZE, FileMetadata, Ztoc};
use crate::Digest;
use crate::extract::find;
use crate::inflate::{Corrupt, Inflater, StopAt, Wrapping};
use crate::tar::{TarError, TarReader};

/// Room for output behind the window, in bytes: large enough to keep calls few, small enough
/// to stay in a core's cache.
const OUTPUT: usize = 224 << 10;

/// FlatBuffers end at 2 GiB, whatever the limit.
const LARGEST: u64 = (2 << 30) - (1 << 20);

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// gzip, of one member or several.
    Gzip,
    /// Not at all.
    None,
}

/// How a zTOC is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Decompressed bytes between checkpoints; at least 1.
    pub span_size: u64,
    /// The build tool identifier to write.
    pub build_tool: String,
    /// A layer whose zTOC would be larger than this many bytes is skipped.
    pub max_size: u64,
    /// Files whose spans are wanted, to be fetched before anything asks for them.
    pub prefetch_files: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            span_size: DEFAULT_SPAN_SIZE,
            build_tool: DEFAULT_BUILD_TOOL.to_owned(),
            max_size: 512 << 20,
            prefetch_files: Vec::new(),
        }
    }
}

/// A finished zTOC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltZtoc {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// How many files the layer has.
    pub files: usize,
    /// How many spans it was cut into.
    pub spans: usize,
    /// Whether any file has extended attributes or makes its directory opaque.
    pub needs_xattrs: bool,
    /// First and last span of each of [`Limits::prefetch_files`], where the layer has it.
    pub prefetch: Vec<Option<(usize, usize)>>,
}

/// What became of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has a zTOC.
    Built(BuiltZtoc),
    /// It is intact, but cannot be read lazily.
    Skipped(SkipReason),
}

/// Why an intact layer gets no zTOC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkipReason(String);

impl SkipReason {
    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<TarError> for SkipReason {
    fn from(error: TarError) -> Self {
        Self::new(error)
    }
}

/// The layer is no whole gzip stream: its image cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("corrupt gzip stream at byte {at}")]
pub struct CorruptLayer {
    /// Compressed position, in bytes.
    pub at: u64,
}

/// Builds one layer's zTOC from its bytes.
pub struct Builder {
    limits: Limits,
    decoder: Decoder,
    contents: Contents,
    spans: Spans,
}

enum Decoder {
    Gzip(Box<Gzip>),
    Plain,
}

impl Builder {
    /// A builder for a layer compressed like this.
    pub fn new(compression: Compression, limits: Limits) -> Self {
        let span_size = limits.span_size.max(1);
        let max_size = limits.max_size.min(LARGEST);
        Self {
            decoder: match compression {
                Compression::Gzip => Decoder::Gzip(Box::new(Gzip::new(span_size))),
                Compression::None => Decoder::Plain,
            },
            contents: Contents {
                tar: TarReader::new(),
                files: Vec::new(),
                weighed: 0,
                weight: 0,
                max_weight: max_size,
                skip: None,
            },
            spans: Spans::default(),
            limits: Limits {
                span_size,
                max_size,
                ..limits
            },
        }
    }

    /// Takes the layer's next bytes.
    ///
    /// # Errors
    /// When they are no gzip stream.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), CorruptLayer> {
        match &mut self.decoder {
            Decoder::Gzip(gzip) => gzip.push(bytes, &mut self.contents, &mut self.spans),
            Decoder::Plain => {
                if self.contents.over_limit() {
                    self.spans.position += bytes.len() as u64;
                    return Ok(());
                }
                for piece in self.spans.even(bytes, self.limits.span_size) {
                    self.spans.push_even(piece, self.limits.span_size);
                    self.contents.push(piece, self.spans.weight());
                }
                Ok(())
            }
        }
    }

    /// The layer is over.
    ///
    /// # Errors
    /// When its gzip stream is cut off.
    pub fn finish(mut self) -> Result<Outcome, CorruptLayer> {
        if let Decoder::Gzip(gzip) = &self.decoder
            && !gzip.complete
            && !self.contents.over_limit()
        {
            return Err(CorruptLayer {
                at: self.spans.position,
            });
        }
        let compressed_size = self.spans.position;
        self.spans.finish();
        let uncompressed_size = match self.contents.finish() {
            Ok(size) => size,
            Err(reason) => return Ok(Outcome::Skipped(reason)),
        };
        let wanted = std::mem::take(&mut self.limits.prefetch_files);
        let ztoc = Ztoc {
            build_tool: self.limits.build_tool.into_bytes(),
            compressed_size,
            uncompressed_size,
            files: self.contents.files,
            checkpoints: match self.decoder {
                Decoder::Gzip(gzip) => Checkpoints::Gzip(gzip.checkpoints),
                Decoder::Plain => Checkpoints::Uncompressed {
                    span_size: self.limits.span_size,
                    size: compressed_size,
                },
            },
            span_digests: self.spans.digests,
        };
        let bytes = ztoc.to_bytes();
        if bytes.len() as u64 > self.limits.max_size {
            return Ok(Outcome::Skipped(too_large(self.limits.max_size)));
        }
        Ok(Outcome::Built(BuiltZtoc {
            digest: Digest::of(&bytes),
            bytes,
            files: ztoc.files.len(),
            spans: ztoc.span_digests.len(),
            needs_xattrs: ztoc.files.iter().any(needs_xattrs),
            prefetch: wanted.iter().map(|path| spans_of(&ztoc, path)).collect(),
        }))
    }
}

/// The spans that hold a file of the layer.
fn spans_of(ztoc: &Ztoc, path: &str) -> Option<(usize, usize)> {
    let file = find(&ztoc.files, path).ok()?;
    let start = u64::try_from(file.offset).ok()?;
    let end = start.checked_add(u64::try_from(file.size).ok()?)?;
    if start == end {
        return None;
    }
    let points = &ztoc.checkpoints;
    Some((points.span_of(start), points.span_of(end - 1)))
}

fn too_large(max_size: u64) -> SkipReason {
    SkipReason::new(format_args!(
        "its zTOC would be larger than the limit of {max_size} bytes"
    ))
}

/// Whether a consumer that ignores extended attributes would mount this entry wrong.
fn needs_xattrs(file: &FileMetadata) -> bool {
    let base = file.name.rsplit(|&b| b == b'/').next();
    base == Some(b".wh..wh..opq")
        || file
            .xattrs
            .iter()
            .any(|(key, _)| key.starts_with(b"SCHILY.xattr."))
}

/// What the decompressed stream holds, and what remembering it costs.
struct Contents {
    tar: TarReader,
    files: Vec<FileMetadata>,
    /// How many of the files are in `weight` already.
    weighed: usize,
    weight: u64,
    max_weight: u64,
    skip: Option<SkipReason>,
}

impl Contents {
    /// Takes decompressed bytes; `spans` is what the spans made so far weigh.
    fn push(&mut self, bytes: &[u8], spans: usize) {
        if self.skip.is_some() {
            return;
        }
        let read = self.tar.push(bytes, &mut self.files);
        // What came before an error is weighed before the error counts, so that the outcome
        // does not depend on the pieces.
        let new = &self.files[self.weighed..];
        self.weight += new.iter().map(|file| file.weight() as u64).sum::<u64>();
        self.weighed = self.files.len();
        if self.weight + spans as u64 > self.max_weight {
            self.weight = u64::MAX;
            self.skip(too_large(self.max_weight));
        } else if let Err(error) = read {
            self.skip(error.into());
        }
    }

    fn skip(&mut self, reason: SkipReason) {
        self.files = Vec::new();
        self.skip = Some(reason);
    }

    /// Whether the layer was given up for its size; then even inflating stops.
    fn over_limit(&self) -> bool {
        self.weight == u64::MAX
    }

    fn finish(&mut self) -> Result<u64, SkipReason> {
        match self.skip.take() {
            Some(reason) => Err(reason),
            None => Ok(self.tar.finish()?),
        }
    }
}

/// The digests of the spans, and how far they have come.
#[derive(Default)]
struct Spans {
    digests: Vec<Digest>,
    /// The span being hashed, once one has started.
    current: Option<Sha256>,
    /// Compressed bytes seen.
    position: u64,
}

impl Spans {
    /// What their digests take in a zTOC: the text, its length and padding, and an offset.
    fn weight(&self) -> usize {
        self.digests.len() * 88
    }

    /// Takes compressed bytes of the current span.
    fn push(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.current {
            hasher.update(bytes);
        }
        self.position += bytes.len() as u64;
    }

    /// Starts a span, ending the one before.
    fn start(&mut self) {
        if let Some(hasher) = self.current.replace(Sha256::new()) {
            self.digests.push(hasher.into());
        }
    }

    /// Cuts bytes where spans of `size` bytes each begin.
    fn even<'a>(&self, bytes: &'a [u8], size: u64) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let rest = size - self.position % size;
        let first = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
        let (first, others) = bytes.split_at(first);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let first = (!first.is_empty()).then_some(first);
        first.into_iter().chain(others.chunks(size))
    }

    /// Takes bytes of one span of `size` bytes.
    fn push_even(&mut self, bytes: &[u8], size: u64) {
        if self.position.is_multiple_of(size) {
            self.start();
        }
        self.push(bytes);
    }

    fn finish(&mut self) {
        if let Some(hasher) = self.current.take() {
            self.digests.push(hasher.into());
        }
    }
}

/// A gzip stream on its way through.
struct Gzip {
    inflater: Inflater,
    span_size: u64,
    checkpoints: GzipCheckpoints,
    /// Decompressed bytes so far, and at the last checkpoint.
    total: u64,
    last_checkpoint: u64,
    /// The last output (as much of the first [`WINDOW`] bytes as there is), then new output.
    buffer: Vec<u8>,
    filled: usize,
    /// The last compressed byte, in case a span starts inside it.
    last_byte: u8,
    /// Nothing is missing if the stream ends here.
    complete: bool,
    /// The member has ended; if bytes follow, they are another.
    between_members: bool,
}

impl Gzip {
    fn new(span_size: u64) -> Self {
        Self {
            inflater: Inflater::new(Wrapping::Gzip),
            span_size,
            checkpoints: GzipCheckpoints::new(span_size),
            total: 0,
            last_checkpoint: 0,
            buffer: vec![0; WINDOW + OUTPUT],
            filled: WINDOW,
            last_byte: 0,
            complete: false,
            between_members: false,
        }
    }

    fn push(
        &mut self,
        mut input: &[u8],
        contents: &mut Contents,
        spans: &mut Spans,
    ) -> Result<(), CorruptLayer> {
        loop {
            if contents.over_limit() {
                // Given up; only the position still counts.
                spans.push(input);
                return Ok(());
            }
            if input.is_empty() {
                return Ok(());
            }
            if std::mem::take(&mut self.between_members) {
                self.inflater.reset(Wrapping::Gzip);
                self.complete = false;
            }
            // The step that takes the last input byte may leave output pending; it has then
            // filled the buffer, and goes on with no input.
            loop {
                let full = self.step(&mut input, contents, spans)?;
                if !full || self.between_members || contents.over_limit() {
                    break;
                }
            }
        }
    }

    /// Inflates once. Returns whether the room given was all used.
    fn step(
        &mut self,
        input: &mut &[u8],
        contents: &mut Contents,
        spans: &mut Spans,
    ) -> Result<bool, CorruptLayer> {
        if self.filled == self.buffer.len() {
            self.buffer.copy_within(self.filled - WINDOW.., 0);
            self.filled = WINDOW;
        }
        // No border counts before this much more output.
        let ahead = self.span_size - (self.total - self.last_checkpoint).min(self.span_size);
        let mut room = self.buffer.len() - self.filled;
        let stop = if contents.skip.is_some() {
            StopAt::Never
        } else if self.total == 0 || ahead == 0 {
            StopAt::Block
        } else {
            room = room.min(usize::try_from(ahead).unwrap_or(usize::MAX));
            StopAt::Never
        };
        let start = self.filled;
        let step = self
            .inflater
            .step(input, &mut self.buffer[start..start + room], stop)
            .map_err(|Corrupt| CorruptLayer { at: spans.position })?;
        let (taken, rest) = input.split_at(step.consumed);
        *input = rest;
        spans.push(taken);
        if let Some(&last) = taken.last() {
            self.last_byte = last;
        }
        self.filled += step.produced;
        self.total += step.produced as u64;
        let spans_weigh = self.checkpoints.as_bytes().len() + spans.weight();
        contents.push(&self.buffer[start..self.filled], spans_weigh);
        if step.ended {
            self.complete = true;
            self.between_members = true;
        } else if let (StopAt::Block, Some(bits)) = (stop, step.border)
            && (self.total == 0 || self.total - self.last_checkpoint > self.span_size)
        {
            self.checkpoint(bits, spans);
        }
        Ok(step.produced == room || (stop == StopAt::Block && step.border.is_some()))
    }

    fn checkpoint(&mut self, bits: u8, spans: &mut Spans) {
        let known = usize::try_from(self.total)
            .unwrap_or(usize::MAX)
            .min(WINDOW);
        let window = &self.buffer[self.filled - known..self.filled];
        self.checkpoints
            .push(spans.position, self.total, bits, window);
        self.last_checkpoint = self.total;
        spans.start();
        if bits != 0
            && let Some(hasher) = &mut spans.current
        {
            hasher.update([self.last_byte]);
        }
    }
}
