//! A writer that hashes and counts the bytes it forwards.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

/// Digest and size of the bytes that a [`Digester`] forwarded.
#[derive(Debug)]
pub(super) struct Blob {
    /// `sha256:<hex>`.
    pub(super) digest: String,
    /// Size in bytes.
    pub(super) size: u64,
}

/// Hashes and counts everything written to `inner`.
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

    pub(super) fn finish(self) -> (W, Blob) {
        let digest = format!("sha256:{}", hex::encode(self.hash.finalize()));
        (
            self.inner,
            Blob {
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
