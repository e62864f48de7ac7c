//! Digests of the spans of a layer.
//!
//! Hashing takes about a tenth of the time of inflating. A caller with a spare thread can collect
//! the span borders while the layer is inflated, and hash concurrently.

use sha2::{Digest as _, Sha256};

use crate::oci::Digest;

/// A border between two spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Border {
    /// Compressed bytes before the new span.
    position: u64,
    /// The byte before the border, if the new span starts within that byte.
    shared: Option<u8>,
}

/// Hashes a layer span by span.
#[derive(Default)]
pub(crate) struct SpanHasher {
    digests: Vec<Digest>,
    /// The span being hashed, once one has started.
    current: Option<Sha256>,
    /// Number of compressed bytes received.
    position: u64,
}

impl SpanHasher {
    /// Starts a span, ending the previous one.
    fn start(&mut self, shared: Option<u8>) {
        let mut hasher = Sha256::new();
        hasher.update(shared.as_slice());
        if let Some(hasher) = self.current.replace(hasher) {
            self.digests.push(hasher.into());
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.current {
            hasher.update(bytes);
        }
        self.position += bytes.len() as u64;
    }

    /// Receives the next bytes and the borders within them.
    pub(crate) fn push(&mut self, mut bytes: &[u8], borders: &[Border]) {
        for border in borders {
            let before = border.position.saturating_sub(self.position);
            let before = usize::try_from(before).unwrap_or(usize::MAX);
            let (part, rest) = bytes.split_at(before.min(bytes.len()));
            self.update(part);
            self.start(border.shared);
            bytes = rest;
        }
        self.update(bytes);
    }

    /// Ends the layer and returns the digests of all spans.
    pub(crate) fn finish(mut self) -> Vec<Digest> {
        self.digests.extend(self.current.take().map(Digest::from));
        self.digests
    }
}

/// The spans of a layer so far.
pub(super) struct Spans {
    hashing: Hashing,
    /// Decompressed bytes before each span.
    pub(super) starts: Vec<u64>,
    /// Number of compressed bytes received.
    pub(super) position: u64,
}

/// Where spans are hashed.
enum Hashing {
    Here(SpanHasher),
    /// Elsewhere, from the borders found since they were last taken.
    Elsewhere(Vec<Border>),
}

impl Spans {
    pub(super) fn hashed_here() -> Self {
        Self::new(Hashing::Here(SpanHasher::default()))
    }

    pub(super) fn hashed_elsewhere() -> Self {
        Self::new(Hashing::Elsewhere(Vec::new()))
    }

    fn new(hashing: Hashing) -> Self {
        Self {
            hashing,
            starts: Vec::new(),
            position: 0,
        }
    }

    /// Starts a span `start` decompressed bytes into the layer.
    pub(super) fn start(&mut self, start: u64, shared: Option<u8>) {
        self.starts.push(start);
        match &mut self.hashing {
            Hashing::Here(hasher) => hasher.start(shared),
            Hashing::Elsewhere(borders) => borders.push(Border {
                position: self.position,
                shared,
            }),
        }
    }

    /// Receives compressed bytes of the current span.
    pub(super) fn compressed(&mut self, bytes: &[u8]) {
        if let Hashing::Here(hasher) = &mut self.hashing {
            hasher.update(bytes);
        }
        self.position += bytes.len() as u64;
    }

    /// Takes the borders found since the last call, for hashing elsewhere.
    pub(super) fn take_borders(&mut self) -> Vec<Border> {
        match &mut self.hashing {
            Hashing::Here(_) => Vec::new(),
            Hashing::Elsewhere(borders) => std::mem::take(borders),
        }
    }

    /// Ends the layer and returns the digests of all spans; `elsewhere` if they were hashed there.
    pub(super) fn finish(self, elsewhere: Vec<Digest>) -> Vec<Digest> {
        match self.hashing {
            Hashing::Here(hasher) => hasher.finish(),
            Hashing::Elsewhere(_) => elsewhere,
        }
    }
}

#[cfg(all(test, feature = "images"))]
mod tests {
    use super::*;

    #[test]
    fn hashing_elsewhere_gives_the_same() {
        let bytes: Vec<u8> = (0..=255).collect();
        let borders = [
            (0, None),
            (10, None),
            (10, Some(9)),
            (64, Some(63)),
            (256, None),
        ];
        let (mut here, mut elsewhere) = (Spans::hashed_here(), Spans::hashed_elsewhere());
        let mut at = 0;
        for (position, shared) in borders {
            for spans in [&mut here, &mut elsewhere] {
                spans.compressed(&bytes[at..position]);
                spans.start(0, shared);
            }
            at = position;
        }
        let borders = elsewhere.take_borders();
        let want = here.finish(Vec::new());
        assert_eq!(want.len(), 5);
        assert_eq!(want[0], Digest::of(&bytes[..10]));
        assert_eq!(want[2], Digest::of(&bytes[9..64]));
        for length in [1, 7, 64, 256] {
            let mut hasher = SpanHasher::default();
            for (number, piece) in bytes.chunks(length).enumerate() {
                let range = (number * length) as u64..((number + 1) * length) as u64;
                let last = range.end >= bytes.len() as u64;
                let is_in = |border: &&Border| {
                    range.contains(&border.position) || (last && border.position == 256)
                };
                let own: Vec<Border> = borders.iter().filter(is_in).copied().collect();
                hasher.push(piece, &own);
            }
            assert_eq!(elsewhere_finish(hasher), want, "{length}");
        }
    }

    fn elsewhere_finish(hasher: SpanHasher) -> Vec<Digest> {
        Spans::hashed_elsewhere().finish(hasher.finish())
    }
}
