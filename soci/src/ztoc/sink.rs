//! The receiver of a layer as it is decompressed.

use super::entries::Entries;
use super::skip::SkipReason;
use super::spans::{Border, Spans};
use super::weight;
use crate::memory::Share;
use crate::oci::Digest;
use crate::tar::{Entry, TarReader};

/// FlatBuffers are limited to 2 GiB, whatever the memory limit.
const LARGEST: u64 = (2 << 30) - (1 << 20);

/// Receives a layer: its compressed bytes, span by span, and its decompressed bytes.
pub(super) struct Sink {
    spans: Spans,
    tar: TarReader,
    entries: Entries,
    needs_xattrs: bool,
    single_member: bool,
    several_members: bool,
    /// Size of the checkpoints in bytes.
    checkpoints: u64,
    share: Share,
}

/// The contents and spans of a whole layer.
pub(super) struct Received {
    pub entries: Entries,
    /// Whether any file has extended attributes or makes its directory opaque.
    pub needs_xattrs: bool,
    /// Position at which the end of the tar was recognized, in bytes.
    pub uncompressed_size: u64,
    pub span_digests: Vec<Digest>,
    /// Decompressed bytes before each span.
    pub span_starts: Vec<u64>,
    /// Whether the layer has several members.
    pub several_members: bool,
    /// The memory that all of this takes.
    pub share: Share,
}

impl Sink {
    /// Creates the sink of a layer whose memory is accounted to a share.
    pub(super) fn new(single_member: bool, spans: Spans, share: Share) -> Self {
        Self {
            spans,
            tar: TarReader::new(),
            entries: Entries::default(),
            needs_xattrs: false,
            single_member,
            several_members: false,
            checkpoints: 0,
            share,
        }
    }

    /// Records that another member follows the first one.
    pub(super) fn another_member(&mut self) -> Result<(), SkipReason> {
        self.several_members = true;
        if self.single_member {
            return Err(SkipReason::SeveralMembers);
        }
        Ok(())
    }

    /// Returns the number of compressed bytes received.
    pub(super) fn position(&self) -> u64 {
        self.spans.position
    }

    /// Returns whether memory was short only because other layers held some.
    pub(super) fn is_crowded(&self) -> bool {
        self.share.is_crowded()
    }

    /// Reserves memory for checkpoints that are about to be made.
    pub(super) fn reserve(&mut self, checkpoints: usize) -> Result<(), SkipReason> {
        self.share.grow(checkpoints as u64)?;
        self.checkpoints += checkpoints as u64;
        self.check_size()
    }

    /// Starts a span `start` decompressed bytes into the layer, ending the previous one. If
    /// `shared` is given, the span starts within that byte, the last one received.
    pub(super) fn start_span(&mut self, start: u64, shared: Option<u8>) -> Result<(), SkipReason> {
        self.share.grow(weight::SPAN as u64)?;
        self.check_size()?;
        self.spans.start(start, shared);
        Ok(())
    }

    /// Receives compressed bytes of the current span.
    pub(super) fn compressed(&mut self, bytes: &[u8]) {
        self.spans.compressed(bytes);
    }

    /// Takes the borders of spans that are hashed elsewhere.
    pub(super) fn take_borders(&mut self) -> Vec<Border> {
        self.spans.take_borders()
    }

    /// Receives decompressed bytes.
    pub(super) fn decompressed(&mut self, bytes: &[u8]) -> Result<(), SkipReason> {
        let Self {
            tar,
            entries,
            needs_xattrs,
            share,
            ..
        } = self;
        tar.push(bytes, &mut |entry: &Entry<'_>| {
            *needs_xattrs |= wants_xattrs(entry);
            Ok::<_, SkipReason>(entries.add(entry, share)?)
        })?;
        self.check_size()
    }

    fn check_size(&self) -> Result<(), SkipReason> {
        let digests = self.spans.starts.len() * weight::DIGEST;
        if self.checkpoints + self.entries.written() + digests as u64 > LARGEST {
            return Err(SkipReason::ZtocTooLarge { limit: LARGEST });
        }
        Ok(())
    }

    /// Ends the layer. `digests` are those of spans that were hashed elsewhere.
    pub(super) fn finish(mut self, digests: Vec<Digest>) -> Result<Received, SkipReason> {
        let span_starts = std::mem::take(&mut self.spans.starts);
        Ok(Received {
            uncompressed_size: self.tar.finish()?,
            entries: self.entries,
            needs_xattrs: self.needs_xattrs,
            span_digests: self.spans.finish(digests),
            span_starts,
            several_members: self.several_members,
            share: self.share,
        })
    }
}

/// Returns whether a consumer that ignores extended attributes would mount this entry incorrectly.
pub(super) fn wants_xattrs(entry: &Entry<'_>) -> bool {
    let base = entry.name.rsplit(|&b| b == b'/').next();
    base == Some(b".wh..wh..opq")
        || entry
            .records
            .iter()
            .any(|(key, _)| key.starts_with(b"SCHILY.xattr."))
}
