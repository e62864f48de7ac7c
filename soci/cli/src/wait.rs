//! `soci wait`.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use soci::{Deployment, Digest, ImageReference, Version, wait_for_deployment};

use crate::access::Access;
use crate::args::EnabledTag;
use crate::exit::Exit;
use crate::output::{self, note, print_json, print_lines};

/// Default time limit, which is that of an AWS Lambda function.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Waits until an image has an index of the given version, and prints the
/// reference to deploy.
pub(crate) async fn run(
    reference: &ImageReference,
    version: Version,
    enabled: EnabledTag,
    json: bool,
    access: &Access,
) -> Result<Exit> {
    let image = access.endpoint()?.image(reference).await?;
    let tag = enabled.of(reference);
    let limit = access.timeout.unwrap_or(LIMIT);
    let found = wait_for_deployment(&image, version, tag.as_deref(), limit).await;
    let found = found.with_context(|| format!("waiting for the index of {reference}"))?;
    let ready = Ready::new(reference, version, &found);
    if json {
        print_json(&ready)?;
    }
    if !found.is_ready() {
        let limit = humantime::format_duration(limit);
        let error = format!("{reference}: no SOCI index {version} after {limit}");
        output::error(&error);
        return Ok(Exit::Failure);
    }
    if !json {
        if found.is_alias {
            note(&format!("{reference}: there is nothing to index"));
        }
        print_lines([ready.deploy])?;
    }
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct Ready {
    /// Whether there is nothing left to wait for.
    ready: bool,
    /// The image to deploy, pinned by digest.
    deploy: String,
    version: &'static str,
    source: Digest,
    indexes: Vec<Index>,
}

#[derive(Serialize)]
struct Index {
    platform: String,
    digest: Digest,
    indexed_layers: usize,
    layers: usize,
}

impl Ready {
    fn new(reference: &ImageReference, version: Version, found: &Deployment) -> Self {
        let indexes = found.indexes.iter().map(|index| Index {
            platform: index.platform.clone(),
            digest: index.digest,
            indexed_layers: index.indexed_layers,
            layers: index.layers,
        });
        Self {
            ready: found.is_ready(),
            deploy: format!("{}@{}", reference.name(), found.digest()),
            version: version.name(),
            source: found.source,
            indexes: indexes.collect(),
        }
    }
}
