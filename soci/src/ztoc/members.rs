//! Detection of layers with several gzip members, without reading the whole layer.
//!
//! A gzip stream ends with the length of its last member. If that is not the length of the whole
//! output, there are other members. The last checkpoint gives the position in the output, and
//! inflating the last span gives the rest.

use std::ops::Range;

use super::compression::{Compression, SpanDecoder};
use super::model::Ztoc;

/// Reads the last span of a layer to determine whether the layer has several gzip members.
pub(crate) struct LastSpan {
    range: Range<u64>,
    decoder: Box<dyn SpanDecoder>,
    /// Number of decompressed bytes so far.
    total: u64,
    /// The last four compressed bytes.
    tail: [u8; 4],
    is_corrupt: bool,
}

impl LastSpan {
    /// Starts reading the layer of a zTOC. Returns `None` if its compression has no members.
    pub(crate) fn new(ztoc: &Ztoc) -> Option<Self> {
        let points = &ztoc.checkpoints;
        let last = points.spans().checked_sub(1)?;
        if points.compression() != Compression::GZIP {
            return None;
        }
        let start = points.get(last);
        Some(Self {
            range: points.span(last, ztoc.compressed_size),
            decoder: points.compression().codec().decoder(&start),
            total: start.uncompressed,
            tail: [0; 4],
            is_corrupt: false,
        })
    }

    /// Returns the range of the layer blob to push, in bytes.
    pub(crate) fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Receives the next bytes of the range.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for &byte in &bytes[bytes.len().saturating_sub(4)..] {
            self.tail.rotate_left(1);
            self.tail[3] = byte;
        }
        let total = &mut self.total;
        let mut count = |output: &[u8]| {
            *total += output.len() as u64;
            true
        };
        self.is_corrupt |= self.decoder.push(bytes, &mut count).is_err();
    }

    /// Returns whether the layer has several members; false if the zTOC does not belong to the
    /// layer.
    pub(crate) fn has_several_members(&self) -> bool {
        !self.is_corrupt && u32::from_le_bytes(self.tail) != self.total as u32
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression as Level;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::ztoc::{Builder, Options};

    fn several(layer: &[u8]) -> (bool, bool) {
        let options = Options::default().with_span_size(5000);
        let mut builder = Builder::new(Compression::GZIP, options);
        builder.push(layer).expect("gzip");
        let built = builder.finish().expect("a sound layer");
        let ztoc = Ztoc::parse(&built.to_bytes()).expect("own bytes");
        let mut last = LastSpan::new(&ztoc).expect("gzip");
        let range = last.range();
        for piece in layer[range.start as usize..range.end as usize].chunks(3) {
            last.push(piece);
        }
        (built.several_members, last.has_several_members())
    }

    #[test]
    fn members() {
        let mut tar = tar::Builder::new(Vec::new());
        for number in 0..60_u32 {
            let mut header = tar::Header::new_ustar();
            let content: Vec<u8> = (0..2000).map(|n: u32| (n * number % 251) as u8).collect();
            header.set_size(content.len() as u64);
            header.set_cksum();
            let name = format!("file{number}");
            tar.append_data(&mut header, name, &content[..])
                .expect("tar");
        }
        let tar = tar.into_inner().expect("tar");
        for (cuts, want) in [(1, false), (2, true), (40, true)] {
            let mut layer = Vec::new();
            for piece in tar.chunks(tar.len().div_ceil(cuts)) {
                let mut gzip = GzEncoder::new(layer, Level::new(6));
                gzip.write_all(piece).expect("memory");
                layer = gzip.finish().expect("memory");
            }
            assert_eq!(several(&layer), (want, want), "{cuts}");
        }
    }
}
