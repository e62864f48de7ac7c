//! Size-limited reading of files.

use std::fs::File;
use std::io::{Error, Read};
use std::path::Path;

/// Reads a file of up to `limit` bytes, whatever size it claims to have.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    let file = File::open(path)?;
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(Error::other(format!(
            "larger than the {limit} bytes allowed"
        )));
    }
    Ok(content)
}
