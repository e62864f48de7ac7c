//! zTOCs in files.

use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use soci::MemoryBudget;
use soci::ztoc::Ztoc;

use crate::files;

/// A zTOC read from a file, and its bytes.
pub(super) struct Parsed {
    pub ztoc: Ztoc,
    pub bytes: Bytes,
}

/// Reads a zTOC.
pub(super) fn read(path: &Path, memory: &MemoryBudget) -> Result<Parsed> {
    let bytes = Bytes::from(files::read(path, memory.limit())?);
    let rest = MemoryBudget::new(memory.limit() - bytes.len() as u64);
    let ztoc =
        Ztoc::parse_in(&bytes, &rest).with_context(|| format!("{}: not a zTOC", path.display()))?;
    Ok(Parsed { ztoc, bytes })
}
