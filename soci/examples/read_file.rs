//! Prints one file of an indexed image, fetching only the spans of its layer that hold it.
//!
//! ```text
//! cargo run -p soci --example read_file -- registry.example.com/shop/web:1.4-soci etc/os-release
//! ```

use std::error::Error;
use std::io::Write;

use soci::{Client, CredentialChain, ImageReference, LayerReader, MemoryBudget};

/// Maximum size of the file in bytes.
const MAX_FILE: u64 = 64 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(reference), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: read_file REFERENCE PATH".into());
    };
    let reference: ImageReference = reference.parse()?;
    let credentials = CredentialChain::local(&reference).await?;
    let image = Client::new()?.image(reference, credentials);

    let memory = MemoryBudget::default();
    for platform in soci::inspect(&image).await?.platforms {
        // The topmost layer that has the file is the one that a container would see.
        for inspected in platform
            .indexes
            .iter()
            .flat_map(|index| index.ztocs.iter().rev())
        {
            let ztoc = inspected.read(&image, &memory).await?;
            let layer = platform.layers.iter().find(|l| l.digest == inspected.layer);
            if let (Some(layer), Ok(_)) = (layer, ztoc.file(&path)) {
                let content = LayerReader::new(&image, layer, &ztoc)?
                    .read_file(&path, MAX_FILE)
                    .await?;
                std::io::stdout().write_all(&content)?;
                return Ok(());
            }
        }
    }
    Err(format!("{path}: not in an indexed layer").into())
}
