//! Building and publishing an index.

use std::time::Duration;

use soci::ztoc::SkipReason;
use soci::{Indexed, Observer, Options, RegistryImage, inspect};
use tfplugin_sdk::{Context, Diagnostic, Failure, Value};

use super::attributes::{Settings, set_built};
use super::open;
use super::record::{Build, Record};
use crate::diagnose::diagnose;
use crate::provider::Shared;

/// How long an interrupt waits for publishing to end.
const GRACE: Duration = Duration::from_secs(5);

/// Builds and publishes what the planned state asks for, and returns the new state.
pub(super) async fn make(
    cx: &Context<Shared>,
    planned: Value,
    is_update: bool,
    limit: Duration,
) -> Result<Value, Failure> {
    let settings = Settings::read(&planned)?;
    let name = settings.image.to_string();
    let work = async {
        let image = open(cx, &settings.image).await?;
        let mut options = Options {
            version: settings.version,
            min_layer_size: settings.min_layer_size,
            ..Options::default()
        };
        options.ztoc.span_size = settings.span_size;
        let indexed = soci::index(&image, &image, &options, &Log)
            .await
            .map_err(|error| diagnose("indexing", &name, &error))?;
        Ok::<_, Diagnostic>((image, indexed))
    };
    let (image, indexed) = tokio::select! {
        () = cx.cancelled() => return Err(interrupted(&name).into()),
        () = tokio::time::sleep(limit) => return Err(timed_out(&name, limit).into()),
        done = work => done?,
    };

    let mut state = planned;
    set_built(&mut state, &settings, indexed.report())?;
    let _turn = cx.data().turn(&settings.image).await;
    let mut record = Record::load(cx);
    let mut build = Build::of(&indexed);
    build.adopted = match record.find(build.digest) {
        Some(known) => known.adopted,
        None => stands_whole(&image, &build)
            .await
            .map_err(|error| diagnose("publishing the index of", &name, &error))?,
    };
    if !is_update {
        check_tag(&image, &settings, &build, &name).await?;
    }

    // Whatever stops it from here on, some of the build may stand. A create then has it in
    // its state; an update keeps the state from before and remembers the rest.
    if is_update {
        record.others.push(build.clone());
    } else {
        record.current = Some(build.clone());
    }
    record.save(cx);
    if let Err(diagnostic) = publish(cx, &indexed, &image, &settings).await {
        let failure = Failure::from(diagnostic);
        return Err(if is_update {
            failure
        } else {
            failure.with_state(state)
        });
    }
    record.advance(build);
    record.save(cx);
    if indexed.report().is_empty() {
        cx.warn(nothing_indexed(&name, &indexed));
    }
    Ok(state)
}

/// Whether everything of a build is in the registry before it is published.
async fn stands_whole(image: &RegistryImage, build: &Build) -> soci::Result<bool> {
    for document in &build.documents {
        if image.resolve(document).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(!build.documents.is_empty())
}

/// A tag that names something else than a SOCI-enabled image is not overwritten.
async fn check_tag(
    image: &RegistryImage,
    settings: &Settings,
    build: &Build,
    name: &str,
) -> Result<(), Diagnostic> {
    let (Some(tag), Some(digest)) = (settings.output_tag(), build.digest) else {
        return Ok(());
    };
    let looked = async {
        let Some(now) = image.resolve(&tag).await? else {
            return Ok(true);
        };
        if now.digest == digest {
            return Ok(true);
        }
        match inspect(&image.at(now.digest)).await {
            Ok(found) => Ok(found.platforms.iter().any(|p| !p.indexes.is_empty())),
            Err(error) if error.is_not_found() => Ok(true),
            Err(soci::Error::NotAnImage { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    };
    let free = looked
        .await
        .map_err(|error| diagnose("publishing the index of", name, &error))?;
    if free {
        return Ok(());
    }
    let detail = format!(
        "The SOCI-enabled image of {name} is to be tagged {tag:?}, but that tag names an image \
         without a SOCI index. Remove the tag if nobody needs it, or refer to the image by its \
         digest to publish without a tag."
    );
    Err(Diagnostic::error("Tag is taken", detail).at("image"))
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

fn nothing_indexed(name: &str, indexed: &Indexed) -> Diagnostic {
    let skipped = indexed.report().indexes.iter();
    let reasons: Vec<String> = skipped
        .flat_map(|index| &index.skipped)
        .map(|skipped| format!("  - layer {}: {}", skipped.layer, skipped.reason))
        .collect();
    let detail = format!(
        "No layer of {name} was indexed, so that image_uri is the image itself:\n{}",
        reasons.join("\n")
    );
    Diagnostic::warning("Nothing to index", detail).at("image")
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
