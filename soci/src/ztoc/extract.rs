//! Reading of a layer through its zTOC.
//!
//! Only the spans that hold the wanted bytes are needed, and they form one contiguous range of the
//! layer blob. Each span is verified against its digest before any of it is decompressed, so the
//! result is what the zTOC's author saw, however the bytes were transferred.
//!
//! [`SpanReader`] states the range that it needs and has the bytes pushed to it, so they may come
//! from anywhere. [`Ztoc::read_file`] and [`Ztoc::read_range`] read them from a file.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::BytesMut;

use super::compression::{Corrupt, SpanDecoder};
use super::lookup::LookupError;
use super::model::Ztoc;
use crate::oci::Digest;

/// Maximum size of a span in bytes. A span must fit in memory, because it is verified before any of
/// it is used.
const MAX_SPAN: u64 = 256 << 20;

/// Size of the pieces in which a file is read, in bytes.
const PIECE: usize = 256 << 10;

/// Reason why a layer cannot be read through its zTOC.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The path does not lead to a regular file.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The zTOC says that a file starts or ends before the layer does.
    #[error("{path}: its place in the layer is negative")]
    NegativePlace {
        /// The path.
        path: String,
    },
    /// The file is larger than the caller's limit.
    #[error("{path}: its {size} bytes are more than the {limit} bytes allowed")]
    FileTooLarge {
        /// The path.
        path: String,
        /// Size of the file in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The sizes show that the layer and the zTOC do not belong together.
    #[error("layer, compared with its zTOC: size mismatch: got {got} bytes, want {want}")]
    SizeMismatch {
        /// Size of the layer in bytes.
        got: u64,
        /// Size in the zTOC.
        want: u64,
    },
    /// A span does not have the digest in the zTOC.
    #[error("span {span} of the layer: digest mismatch: got {got}, want {want}")]
    DigestMismatch {
        /// Index of the span.
        span: usize,
        /// Digest of its bytes.
        got: Digest,
        /// Digest in the zTOC.
        want: Digest,
    },
    /// A span is too large to be verified in memory.
    #[error("span {span} of the layer: larger than the {limit} bytes allowed")]
    SpanTooLarge {
        /// Index of the span.
        span: usize,
        /// The limit in bytes.
        limit: u64,
    },
    /// The spans do not hold the data that the zTOC describes.
    #[error("layer: it does not inflate to what its zTOC says")]
    Corrupt,
    /// The layer cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads a range of a decompressed layer from the spans that hold it.
pub struct SpanReader<'a> {
    ztoc: &'a Ztoc,
    /// The spans still to be read.
    spans: Range<usize>,
    /// The first span.
    first: usize,
    /// The wanted range of decompressed bytes.
    wanted: Range<u64>,
    /// Position in the decompressed stream.
    position: u64,
    decoder: Option<Box<dyn SpanDecoder>>,
    /// Bytes received but not yet used. A span may share a byte with the previous one.
    received: BytesMut,
}

impl<'a> SpanReader<'a> {
    /// Creates a reader of `size` bytes starting at `offset`.
    ///
    /// # Errors
    /// If the range extends past the end of the layer.
    pub fn new(ztoc: &'a Ztoc, offset: u64, size: u64) -> Result<Self, ExtractError> {
        let end = offset
            .checked_add(size)
            .filter(|&end| size == 0 || i64::try_from(end).is_ok())
            .ok_or(ExtractError::Corrupt)?;
        let points = &ztoc.checkpoints;
        let spans = match size {
            0 => 0..0,
            _ => points.span_of(offset)..points.span_of(end - 1) + 1,
        };
        if spans.end > points.spans() {
            return Err(ExtractError::Corrupt);
        }
        for span in spans.clone() {
            let range = points.span(span, ztoc.compressed_size);
            if range.end - range.start > MAX_SPAN {
                let limit = MAX_SPAN;
                return Err(ExtractError::SpanTooLarge { span, limit });
            }
        }
        let start = (!spans.is_empty()).then(|| points.get(spans.start));
        Ok(Self {
            ztoc,
            first: spans.start,
            spans,
            wanted: offset..end,
            position: start.as_ref().map_or(end, |start| start.uncompressed),
            decoder: start.map(|start| points.compression().codec().decoder(&start)),
            received: BytesMut::new(),
        })
    }

    /// Creates a reader of the regular file at `path`, of up to `limit` bytes, following links
    /// within the layer.
    ///
    /// # Errors
    /// If the layer has no such file, or the file is larger than `limit`.
    pub fn of_file(ztoc: &'a Ztoc, path: &str, limit: u64) -> Result<Self, ExtractError> {
        let file = ztoc.file(path)?;
        match (u64::try_from(file.offset), u64::try_from(file.size)) {
            (Ok(_), Ok(size)) if size > limit => Err(ExtractError::FileTooLarge {
                path: path.to_owned(),
                size,
                limit,
            }),
            (Ok(offset), Ok(size)) => Self::new(ztoc, offset, size),
            _ => Err(ExtractError::NegativePlace {
                path: path.to_owned(),
            }),
        }
    }

    /// Returns the range of the layer blob that is still to be pushed, in bytes.
    pub fn needed(&self) -> Range<u64> {
        let Some(last) = self.spans.clone().next_back() else {
            return 0..0;
        };
        let span = |index| self.span(index);
        span(self.spans.start).start + self.received.len() as u64..span(last).end
    }

    fn span(&self, index: usize) -> Range<u64> {
        let points = &self.ztoc.checkpoints;
        points.span(index, self.ztoc.compressed_size)
    }

    /// Receives the next bytes of the range, and passes the wanted part of their content to `sink`.
    ///
    /// # Errors
    /// If a span is not what the zTOC describes.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<(), ExtractError> {
        self.received.extend_from_slice(bytes);
        while !self.spans.is_empty() {
            let index = self.spans.start;
            let span = self.span(index);
            let length = (span.end - span.start) as usize;
            if self.received.len() < length {
                return Ok(());
            }
            self.use_span(index, length, sink)?;
            self.spans.start += 1;
        }
        Ok(())
    }

    /// Verifies and decompresses a span, whose `length` bytes have been received.
    fn use_span(
        &mut self,
        index: usize,
        length: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ExtractError> {
        let points = &self.ztoc.checkpoints;
        let bytes = &self.received[..length];
        let (got, want) = (Digest::of(bytes), self.ztoc.span_digests[index]);
        if got != want {
            return Err(ExtractError::DigestMismatch {
                span: index,
                got,
                want,
            });
        }
        // The byte shared with the previous span was decompressed with that span.
        let shared = usize::from(index > self.first && points.get(index).bits != 0);
        let Range { start, end } = self.wanted;
        let next = index + 1;
        let border = (next < points.spans()).then(|| points.get(next).uncompressed);
        let position = &mut self.position;
        let mut forward = |output: &[u8]| {
            let (before, after) = (*position, *position + output.len() as u64);
            let from = start.clamp(before, after) - before;
            let to = end.clamp(before, after) - before;
            sink(&output[from as usize..to as usize]);
            *position = after;
            after < end && border.is_none_or(|border| after <= border)
        };
        if let Some(decoder) = &mut self.decoder {
            let decoded = decoder.push(&bytes[shared..], &mut forward);
            decoded.map_err(|Corrupt| ExtractError::Corrupt)?;
        }
        // With a zTOC that says otherwise, decompression might never end.
        let is_right = match border {
            Some(border) if next < self.spans.end => self.position == border,
            Some(border) => self.position.min(end) <= border,
            None => true,
        };
        if !is_right {
            return Err(ExtractError::Corrupt);
        }
        let keep = usize::from(next < self.spans.end && points.get(next).bits != 0);
        let _ = self.received.split_to(length - keep);
        Ok(())
    }

    /// Ends the range.
    ///
    /// # Errors
    /// If it was not read completely.
    pub fn finish(self) -> Result<(), ExtractError> {
        if self.spans.is_empty() && self.position >= self.wanted.end {
            Ok(())
        } else {
            Err(ExtractError::Corrupt)
        }
    }
}

impl Ztoc {
    /// Checks that a layer of `size` bytes can be the one that this zTOC describes.
    ///
    /// # Errors
    /// If the sizes differ.
    pub fn check_layer_size(&self, size: u64) -> Result<(), ExtractError> {
        if size == self.compressed_size {
            return Ok(());
        }
        Err(ExtractError::SizeMismatch {
            got: size,
            want: self.compressed_size,
        })
    }

    /// Reads the regular file at `path` from its layer, up to `limit` bytes, following links within
    /// the layer.
    ///
    /// # Errors
    /// If the layer has no such file, the file is larger than `limit`, or the layer is not the one
    /// that the zTOC describes.
    pub fn read_file(
        &self,
        layer: &mut (impl Read + Seek),
        path: &str,
        limit: u64,
    ) -> Result<Vec<u8>, ExtractError> {
        let mut content = Vec::new();
        let mut keep = |piece: &[u8]| content.extend_from_slice(piece);
        self.check_layer_size(layer.seek(SeekFrom::End(0))?)?;
        pump(layer, SpanReader::of_file(self, path, limit)?, &mut keep)?;
        Ok(content)
    }

    /// Reads a regular file like [`read_file`](Self::read_file), but of any size, passing it to
    /// `sink` piece by piece.
    ///
    /// # Errors
    /// If the layer has no such file, or is not the one that the zTOC describes.
    pub fn copy_file(
        &self,
        layer: &mut (impl Read + Seek),
        path: &str,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ExtractError> {
        self.check_layer_size(layer.seek(SeekFrom::End(0))?)?;
        pump(layer, SpanReader::of_file(self, path, u64::MAX)?, sink)
    }

    /// Reads `size` bytes of the decompressed layer starting at `offset`, and passes them to
    /// `sink`.
    ///
    /// # Errors
    /// If the range extends past the end of the layer, or the layer is not the one that the zTOC
    /// describes.
    pub fn read_range(
        &self,
        layer: &mut (impl Read + Seek),
        offset: u64,
        size: u64,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ExtractError> {
        self.check_layer_size(layer.seek(SeekFrom::End(0))?)?;
        pump(layer, SpanReader::new(self, offset, size)?, sink)
    }
}

fn pump(
    layer: &mut (impl Read + Seek),
    mut reader: SpanReader<'_>,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), ExtractError> {
    let needed = reader.needed();
    layer.seek(SeekFrom::Start(needed.start))?;
    let mut layer = layer.take(needed.end - needed.start);
    let mut piece = vec![0; PIECE];
    loop {
        let read = match layer.read(&mut piece) {
            Ok(0) => return reader.finish(),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        reader.push(&piece[..read], sink)?;
    }
}
