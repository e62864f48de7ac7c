//! Inspection of an index, and reading of a file through it, with the library.

use anyhow::{Context as _, Result, bail};
use soci::{Client, Credentials, LayerReader, MemoryBudget, RegistryImage, inspect};

/// Maximum size of a file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

fn open(image: &str) -> Result<RegistryImage> {
    Ok(Client::new()?.image(image.parse()?, Credentials::Anonymous))
}

/// Renders the SOCI-enabled image `image` as a tree: platforms, manifests, SOCI indexes, and the
/// zTOC of each layer with its number of files and spans.
pub(super) async fn tree(image: &str) -> Result<String> {
    let image = open(image)?;
    let inspection = inspect(&image).await?;
    Ok(inspection.tree(&image).await?.to_string())
}

/// Reads the file `path` of `image` with range requests for its layer.
pub(super) async fn read_file(image: &str, path: &str) -> Result<Vec<u8>> {
    let image = open(image)?;
    for platform in inspect(&image).await?.platforms {
        let index = platform.indexes.first().context("no SOCI index")?;
        for inspected in index.ztocs.iter().rev() {
            let ztoc = inspected.read(&image, &MemoryBudget::default()).await?;
            if ztoc.file(path).is_err() {
                continue;
            }
            let layer = platform
                .layers
                .iter()
                .find(|layer| layer.digest == inspected.layer);
            let layer = layer.context("the zTOC is of another image")?;
            return Ok(LayerReader::new(&image, layer, &ztoc)?
                .read_file(path, MAX_FILE)
                .await?);
        }
    }
    bail!("{path}: not in any indexed layer")
}
