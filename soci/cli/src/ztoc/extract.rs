//! `soci ztoc extract`.

use std::path::Path;

use anyhow::{Context, Result};
use soci::oci::Descriptor;
use soci::{LayerFile, LayerReader};

use super::Parsed;
use crate::exit::Exit;
use crate::output::print;

/// Writes a file of a layer to standard output.
pub(super) async fn run(ztoc: &Path, layer: &Path, path: &str) -> Result<Exit> {
    let Parsed { ztoc, .. } = super::read(ztoc)?;
    let metadata = layer
        .metadata()
        .with_context(|| format!("reading {}", layer.display()))?;
    // A layer in a file has no descriptor; reading needs nothing but the size of one.
    let mut descriptor = Descriptor::of("", b"");
    descriptor.size = metadata.len();
    let file = LayerFile::new(layer);
    let name = || layer.display().to_string();
    let content = LayerReader::new(&file, &descriptor, &ztoc)
        .with_context(name)?
        .read_file(path)
        .await
        .with_context(name)?;
    print(content)?;
    Ok(Exit::Success)
}
