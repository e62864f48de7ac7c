//! Building an index, and removing it.

use std::time::Duration;

use soci::ztoc::SkipReason;
use soci::{Digest, Indexed, Observer, Options, RegistryImage, Version};
use tfplugin_sdk::{Context, Diagnostic, Failure, Value};

use super::attributes::{Built, Settings, set_built};
use super::open;
use crate::diagnose::diagnose;
use crate::provider::Shared;

/// How long an interrupt waits for publishing to end.
const GRACE: Duration = Duration::from_secs(5);

/// Builds and publishes what the planned state asks for, and returns the new state.
pub(super) async fn make(
    cx: &Context<Shared>,
    planned: Value,
    limit: Duration,
) -> Result<Value, Failure> {
    let settings = Settings::read(&planned)?;
    let name = settings.image.to_string();
    let mut source = open(cx, &settings.image).await?;
    // The plan may have promised a digest; the tag may have moved since.
    if let Some(digest) = planned.get("source_digest").as_str() {
        let digest = digest
            .parse::<Digest>()
            .map_err(|error| Diagnostic::error("Invalid source digest", error.to_string()))?;
        source = source.at(digest);
    }
    let mut options = Options {
        version: settings.version,
        min_layer_size: settings.min_layer_size,
        ..Options::default()
    };
    options.ztoc.span_size = settings.span_size;

    let indexed = tokio::select! {
        () = cx.cancelled() => return Err(interrupted(&name).into()),
        () = tokio::time::sleep(limit) => return Err(timed_out(&name, limit).into()),
        indexed = soci::index(&source, &source, &options, &Log) => indexed,
    };
    let indexed = indexed.map_err(|error| diagnose("indexing", &name, &error))?;
    let report = indexed.report();

    let mut state = planned;
    set_built(&mut state, &settings, report)?;
    Built::of(&state).remember(cx);
    // Whatever stops it from here on, some of it may stand: then the state has it.
    let published = publish(cx, &indexed, &source, &settings).await;
    published.map_err(|diagnostic| Failure::from(diagnostic).with_state(state.clone()))?;
    if report.is_empty() {
        let skipped = report.indexes.iter().flat_map(|index| &index.skipped);
        let reasons: Vec<String> = skipped
            .map(|skipped| format!("  - layer {}: {}", skipped.layer, skipped.reason))
            .collect();
        let detail = format!(
            "No layer of {name} was indexed, so that image_uri is the image itself:\n{}",
            reasons.join("\n")
        );
        cx.warn(Diagnostic::warning("Nothing to index", detail).at("image"));
    }
    Ok(state)
}

/// Publishes the index. That is a matter of a moment, so an interrupt waits that long for it.
async fn publish(
    cx: &Context<Shared>,
    indexed: &Indexed,
    destination: &RegistryImage,
    settings: &Settings,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let tag = settings.output_tag();
    let interrupted = async {
        cx.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        published = indexed.publish(destination, tag.as_deref()) => {
            published.map_err(|error| diagnose("publishing the index of", &name, &error))
        }
        () = interrupted => {
            let detail = format!(
                "Publishing the index of {name} was interrupted. Some of it may stand in the \
                 registry; the next apply puts it right."
            );
            Err(Diagnostic::error("Interrupted", detail))
        }
    }
}

fn interrupted(name: &str) -> Diagnostic {
    let detail = format!(
        "Indexing {name} was interrupted. Nothing was published; the next apply starts again."
    );
    Diagnostic::error("Interrupted", detail)
}

fn timed_out(name: &str, limit: Duration) -> Diagnostic {
    let detail = format!(
        "Indexing {name} took longer than {} seconds. Nothing was published. Allow more time in \
         the timeouts block, and check the connection to the registry.",
        limit.as_secs()
    );
    Diagnostic::error("Timed out", detail)
}

/// Removes what was `built`, except what the state `kept` says is there now.
pub(super) async fn remove(
    cx: &Context<Shared>,
    state: &Value,
    built: &Built,
    kept: Option<&Value>,
) -> Result<(), Diagnostic> {
    let settings = Settings::read(state)?;
    let name = settings.image.to_string();
    let image = open(cx, &settings.image).await?;
    let work = async {
        match settings.version {
            Version::V1 => remove_v1(&image, state, kept).await,
            Version::V2 => remove_v2(&image, state, built, kept).await,
        }
    };
    let removed = tokio::select! {
        () = cx.cancelled() => {
            let detail = format!(
                "Removing the index of {name} was interrupted. The next apply goes on with it."
            );
            return Err(Diagnostic::error("Interrupted", detail));
        }
        removed = work => removed,
    };
    match removed {
        Ok(()) => Ok(()),
        // Some registries never delete; then there is nothing to do about it.
        Err(error) if error.registry().and_then(soci::RegistryError::status_code) == Some(405) => {
            let detail = format!(
                "The registry does not delete. The index of {name} stays until the registry \
                 removes it: {error}."
            );
            cx.warn(Diagnostic::warning("Index not removed", detail));
            Ok(())
        }
        Err(error) => Err(diagnose("removing the index of", &name, &error)),
    }
}

async fn remove_v1(image: &RegistryImage, state: &Value, kept: Option<&Value>) -> soci::Result<()> {
    let kept = kept.map(Built::of);
    for line in state.get("indexes").as_list().unwrap_or_default() {
        let digest = line.get("digest").as_str().unwrap_or_default();
        if kept.as_ref().is_some_and(|kept| kept.has(digest)) {
            continue;
        }
        let subject = line.get("manifest_digest").as_str().unwrap_or_default();
        image
            .remove_index(digest.parse()?, subject.parse()?)
            .await?;
    }
    Ok(())
}

async fn remove_v2(
    image: &RegistryImage,
    state: &Value,
    built: &Built,
    kept: Option<&Value>,
) -> soci::Result<()> {
    let source = state.get("source_digest").as_str();
    let (Some(enabled), Some(source)) = (built.digest(), source) else {
        return Ok(());
    };
    let mut keep: Vec<Digest> = vec![source.parse()?];
    for name in ["digest", "source_digest"] {
        if let Some(digest) = kept.and_then(|kept| kept.get(name).as_str()) {
            keep.push(digest.parse()?);
        }
    }
    image.remove_enabled(enabled.parse()?, &keep).await
}

/// Writes progress to the log.
struct Log;

impl Observer for Log {
    fn layer_started(&self, layer: &soci::oci::Descriptor) {
        tracing::info!(layer = %layer.digest, size = layer.size, "reading layer");
    }

    fn layer_finished(&self, layer: &soci::oci::Descriptor, skipped: Option<&SkipReason>) {
        match skipped {
            None => tracing::info!(layer = %layer.digest, "layer indexed"),
            Some(reason) => tracing::warn!(layer = %layer.digest, %reason, "layer skipped"),
        }
    }
}
