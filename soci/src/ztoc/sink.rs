//! The receiver of a layer on its way through a compression.

use sha2::{Digest as _, Sha256};

use super::skip::SkipReason;
use super::weight;
use crate::oci::Digest;
use crate::tar::{FileMetadata, TarReader};

/// Receives a layer: its compressed bytes, span by span, and its decompressed bytes.
pub(super) struct Sink {
    spans: Spans,
    contents: Contents,
    several_members: bool,
}

/// The contents and the spans of a whole layer.
pub(super) struct Received {
    pub files: Vec<FileMetadata>,
    /// Position at which the end of the tar was recognized, in bytes.
    pub uncompressed_size: u64,
    pub span_digests: Vec<Digest>,
    /// Whether the layer has several members.
    pub several_members: bool,
}

impl Sink {
    /// Creates the sink of a layer that is skipped if its zTOC would exceed `max_size` bytes.
    pub(super) fn new(max_size: u64) -> Self {
        Self {
            spans: Spans::default(),
            contents: Contents {
                tar: TarReader::new(),
                files: Vec::new(),
                weighed: 0,
                weight: 0,
                max_weight: max_size,
                skip: None,
                over_limit: false,
            },
            several_members: false,
        }
    }

    /// Notes that another member follows the first one.
    pub(super) fn another_member(&mut self) {
        self.several_members = true;
    }

    /// Returns how many compressed bytes were received.
    pub(super) fn position(&self) -> u64 {
        self.spans.position
    }

    /// Whether the layer is skipped: checkpoints are of no use any more.
    pub(super) fn is_skipped(&self) -> bool {
        self.contents.skip.is_some()
    }

    /// Whether the layer is skipped for the size of its zTOC: even decompressing is of no use.
    pub(super) fn is_over_limit(&self) -> bool {
        self.contents.over_limit
    }

    /// Starts a span, which ends the one before. With `shared`, it starts within that byte, the
    /// last one received.
    pub(super) fn start_span(&mut self, shared: Option<u8>) {
        let mut hasher = Sha256::new();
        hasher.update(shared.as_slice());
        if let Some(hasher) = self.spans.current.replace(hasher) {
            self.spans.digests.push(hasher.into());
        }
    }

    /// Receives compressed bytes of the current span.
    pub(super) fn compressed(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.spans.current
            && !self.contents.over_limit
        {
            hasher.update(bytes);
        }
        self.spans.position += bytes.len() as u64;
    }

    /// Receives decompressed bytes, while the checkpoints made so far take `checkpoints` bytes.
    pub(super) fn decompressed(&mut self, bytes: &[u8], checkpoints: usize) {
        let spans = checkpoints + self.spans.digests.len() * weight::DIGEST;
        self.contents.push(bytes, spans);
    }

    /// Ends the layer.
    pub(super) fn finish(mut self) -> Result<Received, SkipReason> {
        if let Some(hasher) = self.spans.current.take() {
            self.spans.digests.push(hasher.into());
        }
        if let Some(reason) = self.contents.skip {
            return Err(reason);
        }
        Ok(Received {
            uncompressed_size: self.contents.tar.finish()?,
            files: self.contents.files,
            span_digests: self.spans.digests,
            several_members: self.several_members,
        })
    }
}

/// The digests of the spans, and how far they have come.
#[derive(Default)]
struct Spans {
    digests: Vec<Digest>,
    /// The span being hashed, once one has started.
    current: Option<Sha256>,
    /// Compressed bytes received.
    position: u64,
}

/// The files in the decompressed stream, and what they cost.
struct Contents {
    tar: TarReader,
    files: Vec<FileMetadata>,
    /// How many of the files are included in `weight`.
    weighed: usize,
    weight: u64,
    max_weight: u64,
    skip: Option<SkipReason>,
    over_limit: bool,
}

impl Contents {
    /// Parses decompressed bytes; `spans` is the weight of the spans made so far.
    fn push(&mut self, bytes: &[u8], spans: usize) {
        if self.skip.is_some() {
            return;
        }
        let read = self.tar.push(bytes, &mut self.files);
        // Entries before an error are weighed before the error counts, so that the outcome does
        // not depend on the size of the pieces.
        let new = &self.files[self.weighed..];
        self.weight += new
            .iter()
            .map(|file| weight::of_entry(file) as u64)
            .sum::<u64>();
        self.weighed = self.files.len();
        if self.weight + spans as u64 > self.max_weight {
            self.over_limit = true;
            self.skip(SkipReason::ZtocTooLarge {
                limit: self.max_weight,
            });
        } else if let Err(error) = read {
            self.skip(error.into());
        }
    }

    fn skip(&mut self, reason: SkipReason) {
        self.files = Vec::new();
        self.skip = Some(reason);
    }
}
