//! Uncompressed layers, whose spans have equal sizes and need no state.
//!
//! Instead of checkpoints, a zTOC contains a small FlatBuffer, `TarZinfo`, with the span size and
//! the size of the layer.

use bytes::Bytes;
use flatbuffers::FlatBufferBuilder;

use super::codec::{Checkpoint, Checkpoints, Codec, Compression, Corrupt, Scanner, SpanDecoder};
use crate::ztoc::error::{CorruptLayer, InvalidZtoc};
use crate::ztoc::flatbuffer::{Table, tar_info};
use crate::ztoc::sink::Sink;
use crate::ztoc::skip::SkipReason;

/// Version of `TarZinfo`.
const VERSION: i32 = 2;

/// No compression.
pub(super) struct Plain;

impl Codec for Plain {
    fn name(&self) -> &'static str {
        "none"
    }

    fn number(&self) -> i8 {
        2
    }

    fn oci_suffix(&self) -> &'static str {
        ""
    }

    fn docker_suffix(&self) -> Option<&'static str> {
        None
    }

    fn magic(&self) -> &'static [u8] {
        b""
    }

    fn scanner(&self, span_size: u64) -> Box<dyn Scanner> {
        Box::new(PlainScanner { span_size })
    }

    fn parse(&self, bytes: Bytes, compressed_size: u64) -> Result<Checkpoints, InvalidZtoc> {
        let table = Table::root(&bytes)?;
        let not_negative = |value: i64, want| {
            let value = u64::try_from(value);
            value.map_err(|_| InvalidZtoc::Want(want))
        };
        let span_size = not_negative(table.i64(tar_info::SPAN_SIZE)?, "a positive span size")?;
        if span_size == 0 {
            return Err(InvalidZtoc::Want("a positive span size"));
        }
        let size = not_negative(table.i64(tar_info::SIZE)?, "the layer's size")?;
        if size != compressed_size {
            return Err(InvalidZtoc::Want("one size of the layer"));
        }
        Ok(Checkpoints::uncompressed(span_size, size))
    }

    fn checkpoint<'a>(&self, checkpoints: &'a Checkpoints, index: usize) -> Checkpoint<'a> {
        let at = index as u64 * checkpoints.span_size();
        Checkpoint {
            compressed: at,
            uncompressed: at,
            bits: 0,
            window: &[],
        }
    }

    fn decoder(&self, _: &Checkpoint<'_>) -> Box<dyn SpanDecoder> {
        Box::new(PlainDecoder)
    }
}

impl Checkpoints {
    /// Returns the checkpoints of a plain tar of `size` bytes, which are determined by its size
    /// alone.
    ///
    /// # Panics
    /// If `span_size` is 0.
    pub fn uncompressed(span_size: u64, size: u64) -> Self {
        let mut builder = FlatBufferBuilder::with_capacity(64);
        let table = builder.start_table();
        builder.push_slot(tar_info::VERSION, VERSION, 0);
        builder.push_slot(tar_info::SPAN_SIZE, span_size as i64, 0);
        builder.push_slot(tar_info::SIZE, size as i64, 0);
        let root = builder.end_table(table);
        builder.finish_minimal(root);
        let bytes = Bytes::copy_from_slice(builder.finished_data());
        let spans = size.div_ceil(span_size) as usize;
        Self::new(Compression::new(&Plain), span_size, spans, bytes)
    }
}

struct PlainScanner {
    span_size: u64,
}

impl Scanner for PlainScanner {
    fn push(&mut self, mut bytes: &[u8], sink: &mut Sink) -> Result<(), SkipReason> {
        while !bytes.is_empty() {
            let position = sink.position();
            let into = position % self.span_size;
            if into == 0 {
                sink.start_span(position, None)?;
            }
            let room = usize::try_from(self.span_size - into).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            sink.compressed(piece);
            sink.decompressed(piece)?;
            bytes = rest;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, sink: &Sink) -> Result<Vec<Bytes>, CorruptLayer> {
        let points = Checkpoints::uncompressed(self.span_size, sink.position());
        Ok(vec![points.as_bytes().clone()])
    }
}

struct PlainDecoder;

impl SpanDecoder for PlainDecoder {
    fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Corrupt> {
        sink(bytes);
        Ok(())
    }
}
