//! Indexes an image in a registry, and tags the SOCI-enabled image beside it.
//!
//! ```text
//! cargo run -p soci --example index_image -- registry.example.com/shop/web:1.4
//! ```

use std::error::Error;

use soci::oci::Descriptor;
use soci::ztoc::SkipReason;
use soci::{Client, CredentialChain, ImageReference, Options, Progress};

/// Prints a line for each layer.
struct Lines;

impl Progress for Lines {
    fn layer_finished(&self, layer: &Descriptor, skipped: Option<&SkipReason>) {
        match skipped {
            None => println!("layer {} indexed", layer.digest),
            Some(reason) => println!("layer {} skipped: {reason}", layer.digest),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(reference) = std::env::args().nth(1) else {
        return Err("usage: index_image REFERENCE".into());
    };
    let reference: ImageReference = reference.parse()?;
    let tag = reference.tag().map(|tag| format!("{tag}-soci"));
    let credentials = CredentialChain::local(&reference).await?;
    let image = Client::new()?.image(reference, credentials);

    // Layers of any size, for a small image would have nothing to index.
    let options = Options::default().with_min_layer_size(0);
    let indexed = soci::index(&image, &image, &options, &(), &Lines).await?;
    indexed.publish(&image, tag.as_deref()).await?;

    match indexed.report().digest {
        Some(digest) => println!("run {}@{digest}", image.reference().name()),
        None => println!("no layer could be indexed"),
    }
    Ok(())
}
