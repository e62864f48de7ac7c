//! Where decompression of a layer can start.

use std::ops::Range;

/// Size of the window that a gzip checkpoint carries, in bytes.
pub const WINDOW: usize = 32 << 10;

/// Bytes of the list's head: count and span size.
const HEAD: usize = 4 + 8;
/// Bytes of one gzip checkpoint.
const ENTRY: usize = 8 + 8 + 1 + WINDOW;

/// The checkpoints of one layer; each starts a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checkpoints {
    /// Of a gzip layer, serialised: count (i32), span size (i64), then per checkpoint the
    /// compressed and the decompressed position (i64), the unused bits (u8) and the window,
    /// all little-endian. They are kept in this form because they are most of a zTOC.
    Gzip(GzipCheckpoints),
    /// Of a plain tar: spans of equal size.
    Uncompressed {
        /// Size of a span in bytes.
        span_size: u64,
        /// Size of the layer in bytes.
        size: u64,
    },
}

/// The serialised checkpoints of a gzip layer, checked to be whole and in order.
#[derive(Clone, PartialEq, Eq)]
pub struct GzipCheckpoints(Vec<u8>);

impl std::fmt::Debug for GzipCheckpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "GzipCheckpoints({} of span size {})",
            self.len(),
            self.span_size()
        )
    }
}

/// A position at which decompression can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint<'a> {
    /// Compressed bytes before it, the one it splits included.
    pub compressed: u64,
    /// Decompressed bytes before it.
    pub uncompressed: u64,
    /// How many bits (0-7) of the last compressed byte belong to what follows.
    pub bits: u8,
    /// The 32 KiB of output before it; empty for a plain tar.
    pub window: &'a [u8],
}

impl GzipCheckpoints {
    pub(super) fn new(span_size: u64) -> Self {
        let mut bytes = vec![0; HEAD];
        bytes[4..].copy_from_slice(&span_size.to_le_bytes());
        Self(bytes)
    }

    /// Appends a checkpoint, its window right-aligned in 32 KiB of zeros.
    pub(super) fn push(&mut self, compressed: u64, uncompressed: u64, bits: u8, window: &[u8]) {
        let count = self.len() as u32 + 1;
        self.0[..4].copy_from_slice(&count.to_le_bytes());
        self.0.extend_from_slice(&compressed.to_le_bytes());
        self.0.extend_from_slice(&uncompressed.to_le_bytes());
        self.0.push(bits);
        self.0.resize(self.0.len() + WINDOW - window.len(), 0);
        self.0.extend_from_slice(window);
    }

    /// Takes a serialised list if every claim in it can be true of a layer of
    /// `compressed_size` bytes.
    pub(super) fn parse(bytes: &[u8], compressed_size: u64) -> Result<Self, &'static str> {
        let count = bytes.first_chunk().map(|count| i32::from_le_bytes(*count));
        let count = count.and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or("checkpoints without a count")?;
        if count
            .checked_mul(ENTRY)
            .and_then(|size| size.checked_add(HEAD))
            != Some(bytes.len())
        {
            return Err("as many checkpoints as their count says");
        }
        if count == 0 {
            return Err("at least one checkpoint");
        }
        let this = Self(bytes.to_vec());
        if i64::try_from(this.span_size()).is_err() {
            return Err("a span size that is not negative");
        }
        let mut before = (0, 0);
        for index in 0..count {
            let point = this.get(index);
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
        Ok(this)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        (self.0.len() - HEAD) / ENTRY
    }

    /// The span size they were made for, in decompressed bytes.
    pub fn span_size(&self) -> u64 {
        self.word(4)
    }

    /// The checkpoint at `index`.
    ///
    /// # Panics
    /// When there are not that many.
    pub fn get(&self, index: usize) -> Checkpoint<'_> {
        let at = HEAD + index * ENTRY;
        Checkpoint {
            compressed: self.word(at),
            uncompressed: self.word(at + 8),
            bits: self.0[at + 16],
            window: &self.0[at + 17..at + ENTRY],
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn word(&self, at: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.0[at..at + 8]);
        u64::from_le_bytes(word)
    }
}

impl Checkpoints {
    /// How many spans there are.
    pub fn spans(&self) -> usize {
        match self {
            Self::Gzip(list) => list.len(),
            Self::Uncompressed { span_size, size } => size.div_ceil(*span_size) as usize,
        }
    }

    /// The span size they were made for, in decompressed bytes.
    pub fn span_size(&self) -> u64 {
        match self {
            Self::Gzip(list) => list.span_size(),
            Self::Uncompressed { span_size, .. } => *span_size,
        }
    }

    /// The checkpoint that starts span `index`.
    ///
    /// # Panics
    /// When there are not that many spans.
    pub fn get(&self, index: usize) -> Checkpoint<'_> {
        match self {
            Self::Gzip(list) => list.get(index),
            Self::Uncompressed { span_size, .. } => {
                assert!(index < self.spans(), "span {index} of {}", self.spans());
                let at = index as u64 * span_size;
                Checkpoint {
                    compressed: at,
                    uncompressed: at,
                    bits: 0,
                    window: &[],
                }
            }
        }
    }

    /// The compressed bytes of span `index` in a layer of `compressed_size` bytes.
    ///
    /// # Panics
    /// When there are not that many spans.
    pub fn span(&self, index: usize, compressed_size: u64) -> Range<u64> {
        let point = self.get(index);
        let start = point.compressed - u64::from(point.bits != 0);
        let end = if index + 1 < self.spans() {
            self.get(index + 1).compressed
        } else {
            compressed_size
        };
        start..end
    }

    /// The span in which the decompressed byte at `offset` lies.
    pub fn span_of(&self, offset: u64) -> usize {
        match self {
            Self::Gzip(list) => {
                // The last checkpoint that is not behind the offset; the first is at 0.
                let (mut low, mut high) = (0, list.len());
                while high - low > 1 {
                    let middle = low.midpoint(high);
                    if list.get(middle).uncompressed <= offset {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                low
            }
            Self::Uncompressed { span_size, .. } => (offset / span_size) as usize,
        }
    }
}
