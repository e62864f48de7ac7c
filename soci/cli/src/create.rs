//! `soci create`.

use anyhow::{Context, Result};
use soci::{MemoryBudget, Version};

use crate::access::Access;
use crate::args::Build;
use crate::exit::Exit;
use crate::image::Image;
use crate::location::Location;
use crate::progress::Bars;
use crate::report::{self, Destination};
use crate::reuse::Reuse;

/// Creates the indexes of an image and publishes them as its referrers (V1).
pub(crate) async fn run(
    source: &Location,
    build: &Build,
    access: &Access,
    memory: &MemoryBudget,
) -> Result<Exit> {
    let endpoint = access.endpoint()?;
    let image = Image::open(source, &endpoint).await?;
    let reuse = Reuse::open(&build.reuse_from, access, &[(source, &endpoint)]).await?;
    let indexing = || format!("indexing {source}");
    image.store().root().await.with_context(indexing)?;
    image
        .check_writable()
        .await
        .with_context(|| format!("writing to {}", source.repository()))?;
    let options = build.options(Version::V1, memory);
    let earlier = reuse.find(image.store(), &options).await?;
    let bars = Bars::new(!build.json);
    let indexed = soci::index(image.store(), image.store(), &options, &earlier, &bars)
        .await
        .with_context(indexing)?;
    indexed
        .publish(image.store(), None)
        .await
        .with_context(|| format!("publishing the index of {source}"))?;
    let destination = Destination::new(source, None);
    report::show(indexed.report(), &destination, &options, build.json)
}
