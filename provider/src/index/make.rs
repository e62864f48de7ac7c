//! Building and publishing an index.
//!
//! An index that is in the registry is not believed: nothing in it proves that its zTOCs are
//! true of the layers, so it is built again and the digests compared. Only what this very
//! resource has built before, of the same image and by the same recipe, is taken as it stands
//! and without reading a layer.

use std::time::Duration;

use soci::ztoc::SkipReason;
use soci::{Destination, Digest, Indexed, RegistryImage, inspect};
use tfplugin_sdk::{Context, Diagnostic, Failure, Value};
use tokio::sync::OwnedMutexGuard;

use super::attributes::Shown;
use super::open;
use super::record::{Build, Record};
use super::settings::Settings;
use super::{find, report};
use crate::diagnose::{diagnose, is_immutable};
use crate::provider::Shared;

/// How long an interrupt waits for publishing to end.
const GRACE: Duration = Duration::from_secs(5);

/// Everything that is known before the first document is published.
struct Prepared {
    image: RegistryImage,
    /// What was built; nothing if all of it is there, and at most the tag is not.
    indexed: Option<Indexed>,
    shown: Shown,
    build: Build,
    /// Nobody else of this process changes the repository meanwhile.
    turn: OwnedMutexGuard<()>,
}

/// Builds and publishes what the planned state asks for, and returns the new state.
pub(super) async fn make(
    cx: &Context<Shared>,
    planned: Value,
    is_update: bool,
    limit: Duration,
) -> Result<Value, Failure> {
    let mut record = match is_update {
        true => Record::load(cx),
        // What is there may be the record of what this one replaces.
        false => Record::new(),
    };
    let settings = Settings::read(&planned)?;
    let name = settings.image.to_string();
    let promised = planned.get("source_digest").as_str();
    let promised = promised.and_then(|digest| digest.parse().ok());
    let prepared = tokio::select! {
        () = cx.cancelled() => return Err(interrupted(&name).into()),
        () = tokio::time::sleep(limit) => return Err(timed_out(&name, limit).into()),
        done = prepare(cx, &settings, promised, &record) => done?,
    };
    let Prepared {
        image,
        indexed,
        shown,
        build,
        turn,
    } = prepared;
    let mut state = planned;
    state.set("id", settings.id());
    state.set("indexed", !shown.lines.is_empty());
    shown.set(&mut state, &settings)?;

    // Whatever stops it from here on, some of the build may stand. A create then has it in
    // its state; an update keeps the state from before and remembers the rest.
    record.seen = Some(build.source);
    if is_update {
        record.others.push(build.clone());
    } else {
        record.current = Some(build.clone());
    }
    record.save(cx);
    if let Err(diagnostic) = publish(cx, indexed.as_ref(), &build, &image, &settings).await {
        let failure = Failure::from(diagnostic);
        return Err(if is_update {
            failure
        } else {
            failure.with_state(state)
        });
    }
    let uses = &cx.data().uses;
    uses.set(&settings, &record.resource, &build);
    record.advance(build);
    record.save(cx);
    drop(turn);
    if let Some(indexed) = &indexed {
        report::warn(cx, &name, indexed.report());
    }
    if !cx.is_cancelled() {
        warn_if_moved(cx, &image, &settings, shown.source).await;
    }
    Ok(state)
}

async fn prepare(
    cx: &Context<Shared>,
    settings: &Settings,
    promised: Option<Digest>,
    record: &Record,
) -> Result<Prepared, Diagnostic> {
    let name = settings.image.to_string();
    let image = open(cx, &settings.image).await?;
    let standing = look_at_own(&image, settings, promised, record)
        .await
        .map_err(|error| diagnose("looking up", &name, &error))?;
    let (indexed, shown, mut build) = match standing {
        Some((shown, build)) => (None, shown, build),
        None => {
            let source = promised.map_or_else(|| image.clone(), |digest| image.at(digest));
            let indexed = soci::index(&source, &image, &settings.options, &Log)
                .await
                .map_err(|error| match promised {
                    Some(digest) if error.is_not_found() && settings.image.digest().is_none() => {
                        gone(&name, digest)
                    }
                    _ => diagnose("indexing", &name, &error),
                })?;
            let shown = Shown::of(indexed.report());
            let build = Build::of(&indexed, settings.recipe());
            (Some(indexed), shown, build)
        }
    };
    let publishing = |error| diagnose("publishing the index of", &name, &error);
    let turn = cx.data().turn(&settings.image).await;
    let known = record.find(build.digest);
    let stands = stands_whole(&image, &build).await.map_err(publishing)?;
    build.adopted = stands && known.is_none_or(|known| known.adopted);
    build.tags = known.map_or(Vec::new(), |known| known.tags.clone());
    if let (Some(tag), Some(digest)) = (&settings.tag, build.digest) {
        let now = image.resolve(tag).await.map_err(publishing)?;
        let now = now.map(|now| now.digest);
        let mut builds = record.current.iter().chain(&record.others);
        let ours = builds.any(|build| build.tags.contains(tag));
        if let Some(now) = now.filter(|now| *now != digest && !ours) {
            check_tag(cx, &image, settings, tag, now).await?;
        }
        if !build.tags.contains(tag) && (!build.adopted || now != Some(digest)) {
            build.tags.push(tag.clone());
        }
    }
    Ok(Prepared {
        image,
        indexed,
        shown,
        build,
        turn,
    })
}

/// What this resource has built before of the same image by the same recipe, if all of it is
/// still there.
async fn look_at_own(
    image: &RegistryImage,
    settings: &Settings,
    promised: Option<Digest>,
    record: &Record,
) -> soci::Result<Option<(Shown, Build)>> {
    let recipe = settings.recipe();
    let mut builds = record.current.iter().chain(&record.others);
    if !builds.any(|build| build.recipe == recipe) {
        return Ok(None);
    }
    let source = match promised {
        Some(digest) => digest,
        None => match image.resolve(settings.source_name()).await? {
            Some(now) => now.digest,
            None => return Ok(None),
        },
    };
    let mut builds = record.current.iter().chain(&record.others);
    let same = |build: &&Build| build.recipe == recipe && build.source == source;
    let Some(build) = builds.find(same) else {
        return Ok(None);
    };
    let enabled = match settings.version {
        soci::Version::V1 => None,
        soci::Version::V2 => build.digest,
    };
    if !stands_whole(image, build).await? {
        return Ok(None);
    }
    let found = inspect(&image.at(enabled.unwrap_or(source))).await?;
    let mut lines = find::lines(image, settings.version, &found).await?;
    let ours = build.indexes.iter().map(|(index, _)| index.to_string());
    let ours: Vec<String> = ours.collect();
    lines.retain(|line| ours.contains(&line.digest));
    if lines.len() != ours.len() {
        return Ok(None);
    }
    let shown = Shown {
        source,
        enabled,
        lines,
    };
    Ok(Some((shown, build.clone())))
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
    cx: &Context<Shared>,
    image: &RegistryImage,
    settings: &Settings,
    tag: &str,
    now: Digest,
) -> Result<(), Diagnostic> {
    let name = &settings.image;
    let enabled = match inspect(&image.at(now)).await {
        Ok(found) => found.platforms.iter().any(|p| !p.indexes.is_empty()),
        Err(error) if error.is_not_found() => return Ok(()),
        Err(soci::Error::NotAnImage { .. }) => false,
        Err(error) => {
            let name = name.to_string();
            return Err(diagnose("publishing the index of", &name, &error));
        }
    };
    if enabled {
        let detail = format!(
            "The tag {tag:?} of the SOCI-enabled image of {name} named another SOCI-enabled image \
             so far, {now}. If another configuration or an index builder publishes to that tag \
             too, they will take it from each other: give this one another tag with the argument \
             tag."
        );
        cx.warn(Diagnostic::warning("Tag taken over", detail).at("tag"));
        return Ok(());
    }
    let detail = format!(
        "The SOCI-enabled image of {name} is to be tagged {tag:?}, but that tag names an image \
         without a SOCI index, {now}. Choose another tag with the argument tag, or remove the \
         tag if nobody needs it."
    );
    Err(Diagnostic::error("Tag is taken", detail).at("tag"))
}

/// Publishes the index. That is a matter of a moment, so an interrupt waits that long for it.
async fn publish(
    cx: &Context<Shared>,
    indexed: Option<&Indexed>,
    build: &Build,
    image: &RegistryImage,
    settings: &Settings,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let tag = settings.tag.as_deref();
    let interrupted = async {
        cx.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    let work = async {
        match (indexed, build.digest, tag) {
            (Some(indexed), _, tag) => indexed.publish(image, tag).await,
            (None, Some(digest), Some(tag)) => {
                let document = image.pull_manifest(digest).await?;
                image.tag(&document, tag).await
            }
            (None, _, _) => Ok(()),
        }
    };
    tokio::select! {
        published = work => published.map_err(|error| match tag {
            Some(tag) if is_immutable(&error) => immutable(&name, tag, &error),
            _ => diagnose("publishing the index of", &name, &error),
        }),
        () = interrupted => {
            let detail = format!(
                "Publishing the index of {name} was interrupted. Some of it may stand in the \
                 registry; the next apply puts it right."
            );
            Err(Diagnostic::error("Interrupted", detail))
        }
    }
}

/// What was indexed is not what the tag names any more: no failure, but worth a word.
async fn warn_if_moved(
    cx: &Context<Shared>,
    image: &RegistryImage,
    settings: &Settings,
    source: Digest,
) {
    if settings.image.digest().is_some() {
        return;
    }
    let now = match image.resolve(settings.source_name()).await {
        Ok(now) => now.map(|now| now.digest),
        Err(error) => {
            tracing::debug!(%error, "whether the tag has moved meanwhile is not known");
            return;
        }
    };
    if let Some(now) = now.filter(|now| *now != source) {
        let detail = format!(
            "{} is {now} now. The index is the one of {source}, which it named when it was \
             planned or read. Plan and apply again to index the newer image.",
            settings.image
        );
        cx.warn(Diagnostic::warning("Tag has moved", detail).at("image"));
    }
}

fn gone(name: &str, source: Digest) -> Diagnostic {
    let detail = format!(
        "The plan is to index {name} as it was then, {source}, which is not in the registry any \
         more. Plan again: the tag may name a newer image now."
    );
    Diagnostic::error("Image is gone", detail).at("image")
}

fn immutable(name: &str, tag: &str, error: &soci::Error) -> Diagnostic {
    let detail = format!(
        "While publishing the index of {name}: {error}.\n\nThe tag {tag:?} exists with other \
         content and cannot be moved. Choose another tag with the argument tag, such as \
         tag = \"{tag}-2\"; or delete the tag, or make the repository's tags mutable."
    );
    Diagnostic::error("Tag is immutable", detail).at("tag")
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

/// Writes progress to the log.
struct Log;

impl soci::Progress for Log {
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
