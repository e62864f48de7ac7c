//! Size-limited reading of files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Reads a file of up to `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    File::open(path)
        .map_err(anyhow::Error::new)
        .and_then(|file| bounded(file, limit))
        .with_context(|| format!("reading {}", path.display()))
}

/// Reads to the end, up to `limit` bytes.
pub(crate) fn bounded(from: impl Read, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        bail!("larger than the {limit} bytes allowed");
    }
    Ok(bytes)
}
