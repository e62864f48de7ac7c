//! A writer that hashes and counts what passes through it.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

/// What passed through a [`Digester`].
#[derive(Debug)]
pub(super) struct Passed {
    /// `sha256:<hex>`.
    pub(super) digest: String,
    /// In bytes.
    pub(super) size: u64,
}

/// Hashes and counts everything on its way to `inner`.
#[derive(Debug)]
pub(super) struct Digester<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W> Digester<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            size: 0,
        }
    }

    pub(super) fn finish(self) -> (W, Passed) {
        let digest = format!("sha256:{}", hex::encode(self.hash.finalize()));
        (
            self.inner,
            Passed {
                digest,
                size: self.size,
            },
        )
    }
}

impl<W: Write> Write for Digester<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
