//! Layers compressed with gzip.
//!
//! A checkpoint is due at the first DEFLATE block border that is more than a span past the last
//! checkpoint. Until that much output has been produced, inflating does not stop at borders, so
//! small blocks cost nothing. The output buffer keeps the last 32 KiB before the new output, so
//! every window is a single slice.
//!
//! Serialized form: the count (i32) and the span size (i64), then for each checkpoint the
//! compressed and decompressed positions (i64), the unused bits (u8) and the window, all
//! little-endian.

use bytes::Bytes;

use super::codec::{Checkpoint, Checkpoints, Codec, Compression, Corrupt, Scanner, SpanDecoder};
use super::inflate::{Inflater, StopAt, Wrapping};
use crate::ztoc::error::{CorruptLayer, InvalidZtoc};
use crate::ztoc::sink::Sink;
use crate::ztoc::skip::SkipReason;

/// Size of the window of a gzip checkpoint in bytes.
pub const WINDOW: usize = 32 << 10;

/// Size of the header of the serialized checkpoints in bytes: count and span size.
const HEAD: usize = 4 + 8;
/// Size of one serialized checkpoint in bytes.
const ENTRY: usize = 8 + 8 + 1 + WINDOW;
/// Size of the pieces in which checkpoints are kept, in bytes. Pieces never move.
const PIECE: usize = 16 * ENTRY;
/// Space for output after the window in bytes: large enough to keep calls rare, small enough to
/// stay in a core's cache.
const OUTPUT: usize = 224 << 10;
/// Size of a member's CRC-32 and length in bytes.
const TRAILER: usize = 8;

/// gzip, with one or more members.
pub(super) struct Gzip;

impl Codec for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn number(&self) -> i8 {
        1
    }

    fn oci_suffix(&self) -> &'static str {
        "+gzip"
    }

    fn docker_suffix(&self) -> Option<&'static str> {
        Some(".gzip")
    }

    fn magic(&self) -> &'static [u8] {
        &[0x1f, 0x8b]
    }

    fn scanner(&self, span_size: u64) -> Box<dyn Scanner> {
        Box::new(GzipScanner::new(span_size))
    }

    fn parse(&self, bytes: Bytes, compressed_size: u64) -> Result<Checkpoints, InvalidZtoc> {
        parse(bytes, compressed_size).map_err(InvalidZtoc::Want)
    }

    fn checkpoint<'a>(&self, checkpoints: &'a Checkpoints, index: usize) -> Checkpoint<'a> {
        read(checkpoints.as_bytes(), index)
    }

    fn decoder(&self, start: &Checkpoint<'_>) -> Box<dyn SpanDecoder> {
        Box::new(GzipDecoder::at(start))
    }
}

fn parse(bytes: Bytes, compressed_size: u64) -> Result<Checkpoints, &'static str> {
    let count = bytes.first_chunk().map(|count| i32::from_le_bytes(*count));
    let count = count.and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or("checkpoints without a count")?;
    let size = count.checked_mul(ENTRY);
    if size.and_then(|size| size.checked_add(HEAD)) != Some(bytes.len()) {
        return Err("as many checkpoints as their count says");
    }
    if count == 0 {
        return Err("at least one checkpoint");
    }
    let span_size = word(&bytes, 4);
    if i64::try_from(span_size).is_err() {
        return Err("a span size that is not negative");
    }
    let mut before = (0, 0);
    for index in 0..count {
        let point = read(&bytes, index);
        let here = (point.compressed, point.uncompressed);
        if here.0 <= before.0 || here.1 < before.1 || here.0 > compressed_size {
            return Err("checkpoints in order and inside the layer");
        }
        if i64::try_from(here.1).is_err() {
            return Err("positions that fit a signed 64-bit number");
        }
        if point.bits > 7 {
            return Err("at most seven unused bits at a checkpoint");
        }
        if index == 0 && here.1 != 0 {
            return Err("a first checkpoint at the start of the output");
        }
        before = here;
    }
    let compression = Compression::new(&Gzip);
    Ok(Checkpoints::new(compression, span_size, count, bytes))
}

/// Reads the checkpoint at `index`, which must exist.
fn read(bytes: &[u8], index: usize) -> Checkpoint<'_> {
    let at = HEAD + index * ENTRY;
    Checkpoint {
        compressed: word(bytes, at),
        uncompressed: word(bytes, at + 8),
        bits: bytes[at + 16],
        window: &bytes[at + 17..at + ENTRY],
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

struct GzipScanner {
    inflater: Inflater,
    span_size: u64,
    /// The checkpoints so far, serialized; every piece but the last has [`PIECE`] bytes.
    checkpoints: Vec<Vec<u8>>,
    count: u32,
    /// Number of decompressed bytes so far, and at the last checkpoint.
    total: u64,
    last_checkpoint: u64,
    /// The previous output (as much of the first [`WINDOW`] bytes as there is), then new output.
    buffer: Vec<u8>,
    filled: usize,
    /// The last compressed byte, in case a span starts within it.
    last_byte: u8,
    /// Whether the stream may end here.
    complete: bool,
    /// Whether the member has ended. Any bytes that follow are another member.
    between_members: bool,
    /// Whether another member may have started, of which nothing has been decoded yet.
    is_later: bool,
}

impl GzipScanner {
    fn new(span_size: u64) -> Self {
        Self {
            inflater: Inflater::new(Wrapping::Gzip),
            span_size,
            checkpoints: Vec::new(),
            count: 0,
            total: 0,
            last_checkpoint: 0,
            buffer: vec![0; WINDOW + OUTPUT],
            filled: WINDOW,
            last_byte: 0,
            complete: false,
            between_members: false,
            is_later: false,
        }
    }

    fn corrupt(sink: &Sink) -> CorruptLayer {
        CorruptLayer {
            compression: Gzip.name(),
            at: sink.position(),
        }
    }

    /// Inflates once. Returns whether the output filled the available space.
    fn step(&mut self, input: &mut &[u8], sink: &mut Sink) -> Result<bool, SkipReason> {
        if self.filled == self.buffer.len() {
            self.buffer.copy_within(self.filled - WINDOW.., 0);
            self.filled = WINDOW;
        }
        // Borders within this much more output do not matter.
        let ahead = self.span_size - (self.total - self.last_checkpoint).min(self.span_size);
        let mut room = self.buffer.len() - self.filled;
        let stop = if self.total == 0 || ahead == 0 {
            StopAt::Block
        } else {
            room = room.min(usize::try_from(ahead).unwrap_or(usize::MAX));
            StopAt::Never
        };
        let start = self.filled;
        let output = &mut self.buffer[start..start + room];
        let step = self.inflater.step(input, output, stop);
        let corrupt = Self::corrupt(sink);
        let (taken, rest) = input.split_at(step.consumed);
        *input = rest;
        sink.compressed(taken);
        if let Some(&last) = taken.last() {
            self.last_byte = last;
        }
        // Junk does not count as a member.
        if self.is_later && (step.produced > 0 || step.ended) {
            self.is_later = false;
            sink.another_member()?;
        }
        self.filled += step.produced;
        self.total += step.produced as u64;
        sink.decompressed(&self.buffer[start..self.filled])?;
        if step.corrupt {
            return Err(corrupt.into());
        }
        if step.ended {
            self.complete = true;
            self.between_members = true;
        } else if let (StopAt::Block, Some(bits)) = (stop, step.border)
            && (self.total == 0 || self.total - self.last_checkpoint > self.span_size)
        {
            self.checkpoint(bits, sink)?;
        }
        Ok(step.produced == room || (stop == StopAt::Block && step.border.is_some()))
    }

    /// Adds a checkpoint here, with its window right-aligned in 32 KiB of zeros.
    fn checkpoint(&mut self, bits: u8, sink: &mut Sink) -> Result<(), SkipReason> {
        if (self.count as usize * ENTRY).is_multiple_of(PIECE) {
            sink.reserve(PIECE + 2 * size_of::<Vec<u8>>())?;
            self.checkpoints.push(Vec::with_capacity(PIECE));
        }
        let known = usize::try_from(self.total)
            .unwrap_or(usize::MAX)
            .min(WINDOW);
        let window = &self.buffer[self.filled - known..self.filled];
        let last = self.checkpoints.len() - 1;
        let list = &mut self.checkpoints[last];
        list.extend_from_slice(&sink.position().to_le_bytes());
        list.extend_from_slice(&self.total.to_le_bytes());
        list.push(bits);
        list.resize(list.len() + WINDOW - window.len(), 0);
        list.extend_from_slice(window);
        self.count += 1;
        self.last_checkpoint = self.total;
        sink.start_span(self.total, (bits != 0).then_some(self.last_byte))
    }
}

impl Scanner for GzipScanner {
    fn push(&mut self, mut input: &[u8], sink: &mut Sink) -> Result<(), SkipReason> {
        while !input.is_empty() {
            if std::mem::take(&mut self.between_members) {
                self.inflater.reset(Wrapping::Gzip);
                self.complete = false;
                self.is_later = true;
            }
            // The step that consumes the last input byte may leave output pending. In that case it
            // has filled the buffer, and the loop continues without input.
            while self.step(&mut input, sink)? && !self.between_members {}
        }
        Ok(())
    }

    fn finish(self: Box<Self>, sink: &Sink) -> Result<Vec<Bytes>, CorruptLayer> {
        if !self.complete {
            return Err(Self::corrupt(sink));
        }
        let mut head = self.count.to_le_bytes().to_vec();
        head.extend_from_slice(&self.span_size.to_le_bytes());
        let pieces = self.checkpoints.into_iter().map(Bytes::from);
        Ok(std::iter::once(head.into()).chain(pieces).collect())
    }
}

struct GzipDecoder {
    inflater: Inflater,
    /// Number of bits to use of the first byte, until that byte arrives.
    split: Option<u8>,
    window: Vec<u8>,
    /// Number of trailer bytes still to be dropped.
    trailer: Option<usize>,
    /// Whether the first member, which is read without its header, has ended.
    wrapped: bool,
    output: Vec<u8>,
}

impl GzipDecoder {
    fn at(start: &Checkpoint<'_>) -> Self {
        let mut inflater = Inflater::new(Wrapping::Raw);
        if start.bits == 0 {
            inflater.resume(0, 0, start.window);
        }
        Self {
            inflater,
            split: (start.bits != 0).then_some(start.bits),
            window: start.window.to_vec(),
            trailer: None,
            wrapped: false,
            output: vec![0; 64 << 10],
        }
    }
}

impl SpanDecoder for GzipDecoder {
    fn push(
        &mut self,
        mut bytes: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), Corrupt> {
        if let (Some(bits), Some((&first, rest))) = (self.split, bytes.split_first()) {
            self.inflater.resume(bits, first, &self.window);
            self.split = None;
            bytes = rest;
        }
        loop {
            if let Some(left) = &mut self.trailer {
                let dropped = bytes.len().min(*left);
                bytes = &bytes[dropped..];
                *left -= dropped;
                if *left > 0 || bytes.is_empty() {
                    return Ok(());
                }
                self.trailer = None;
                self.inflater.reset(Wrapping::Gzip);
            }
            let step = self.inflater.step(bytes, &mut self.output, StopAt::Never);
            bytes = &bytes[step.consumed..];
            if !sink(&self.output[..step.produced]) {
                return Ok(());
            }
            if step.corrupt {
                return Err(Corrupt);
            }
            if step.ended {
                // Later members are read with their header and trailer.
                self.trailer = Some(if self.wrapped { 0 } else { TRAILER });
                self.wrapped = true;
            } else if step.produced < self.output.len() {
                return if bytes.is_empty() {
                    Ok(())
                } else {
                    Err(Corrupt)
                };
            }
        }
    }
}
