//! `soci ztoc extract`.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

use super::parsed::{Parsed, read};
use crate::exit::Exit;
use crate::output::print;

/// Writes a file of a layer to standard output.
pub(super) fn run(ztoc: &Path, layer: &Path, path: &str) -> Result<Exit> {
    let Parsed { ztoc, .. } = read(ztoc)?;
    let mut blob = File::open(layer).with_context(|| format!("reading {}", layer.display()))?;
    let content = ztoc
        .read_file(&mut blob, path)
        .with_context(|| layer.display().to_string())?;
    print(content)?;
    Ok(Exit::Success)
}
