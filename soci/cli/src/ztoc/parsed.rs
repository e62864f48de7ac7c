//! zTOCs in files.

use std::path::Path;

use anyhow::{Context, Result};
use soci::ztoc::Ztoc;

use crate::files;

/// Maximum size of a zTOC, in bytes.
const MAX_ZTOC: u64 = 1 << 30;

/// A zTOC in a file, and its bytes.
pub(super) struct Parsed {
    pub ztoc: Ztoc,
    pub bytes: Vec<u8>,
}

/// Reads a zTOC.
pub(super) fn read(path: &Path) -> Result<Parsed> {
    let bytes = files::read(path, MAX_ZTOC)?;
    let ztoc = Ztoc::parse(&bytes).with_context(|| format!("{}: not a zTOC", path.display()))?;
    Ok(Parsed { ztoc, bytes })
}
