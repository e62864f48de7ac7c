//! `soci ztoc extract`.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use soci::MemoryBudget;

use super::parsed::{Parsed, read};
use crate::exit::Exit;
use crate::output::print;

/// Writes a file of a layer to standard output while it is being inflated.
pub(super) fn run(ztoc: &Path, layer: &Path, path: &str, memory: &MemoryBudget) -> Result<Exit> {
    let Parsed { ztoc, .. } = read(ztoc, memory)?;
    let mut blob = File::open(layer).with_context(|| format!("reading {}", layer.display()))?;
    let mut printed = Ok(());
    let mut forward = |piece: &[u8]| {
        if printed.is_ok() {
            printed = print(piece);
        }
    };
    ztoc.copy_file(&mut blob, path, &mut forward)
        .with_context(|| layer.display().to_string())?;
    printed?;
    Ok(Exit::Success)
}
