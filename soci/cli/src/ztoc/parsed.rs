//! zTOCs in files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use soci::ztoc::Ztoc;

/// Maximum size of a zTOC, in bytes.
const MAX_ZTOC: u64 = 1 << 30;

/// A zTOC in a file, and its bytes.
pub(super) struct Parsed {
    pub ztoc: Ztoc,
    pub bytes: Vec<u8>,
}

/// Reads a zTOC.
pub(super) fn read(path: &Path) -> Result<Parsed> {
    let reading = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    File::open(path)
        .with_context(reading)?
        .take(MAX_ZTOC + 1)
        .read_to_end(&mut bytes)
        .with_context(reading)?;
    if bytes.len() as u64 > MAX_ZTOC {
        bail!(
            "{}: larger than the {MAX_ZTOC} bytes allowed",
            path.display()
        );
    }
    let ztoc = Ztoc::parse(&bytes).with_context(|| format!("{}: not a zTOC", path.display()))?;
    Ok(Parsed { ztoc, bytes })
}
