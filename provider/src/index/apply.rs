//! Creation and update of an index: prepare, remember, publish.
//!
//! An index in the registry is not trusted, because nothing in it proves that its zTOCs match the
//! layers. It is therefore built again and the digests are compared. Only an index that this very
//! resource built before, of the same image and with the same recipe, is reused without reading a
//! layer.

use std::time::Duration;

use soci::ztoc::SkipReason;
use soci::{Digest, ImageSource, Indexed, RegistryImage, Version, complete_indexes, inspect};
use tfplugin_sdk::{Context, Diagnostic, Failure, Value};
use tokio::sync::OwnedMutexGuard;

use super::build::Build;
use super::exported::{Exported, entries};
use super::private_state::PrivateState;
use super::publish::{check_tag, check_tag_early, claim, publish};
use super::registry::open;
use super::remembered::Remembered;
use super::settings::Settings;
use super::warnings;
use crate::diagnose::diagnose;
use crate::shared::{CallContext, Shared};

/// Time that an interrupt waits for publishing to finish.
const GRACE: Duration = Duration::from_secs(5);

/// The kind of apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Update,
}

/// Facts known before anything is published.
struct Prepared {
    image: RegistryImage,
    /// The new build; `None` if all of it exists and at most the tag is missing.
    indexed: Option<Indexed>,
    exported: Exported,
    build: Build,
    /// Keeps other resources from changing the repository in the meantime.
    lock: OwnedMutexGuard<()>,
}

/// Builds and publishes what the plan requests. Returns the new state.
pub(super) async fn apply(
    call: &CallContext<'_>,
    planned: Value,
    mut private: PrivateState,
    operation: Operation,
) -> Result<Value, Failure> {
    let cx = call.cx;
    let mut settings = Settings::read(&planned)?;
    settings.options.ztoc.memory = cx.data().memory.clone();
    let name = settings.image.to_string();
    let promised = planned.get("source_digest").as_str();
    let promised = promised.and_then(|digest| digest.parse().ok());
    let doing = format!("indexing {name}");
    let consequence = "Nothing was published; the next apply starts again.";
    let remembered = Remembered::new(&private.layers);
    let work = prepare(cx, &settings, promised, &private, &remembered);
    let prepared = call.run(&doing, consequence, work).await;
    // Layers that were indexed before a failure are not read again.
    private.remember(remembered.of_image(), prepared.is_ok());
    if operation == Operation::Update {
        private.save(cx);
    }
    let Prepared {
        image,
        indexed,
        exported,
        build,
        lock,
    } = prepared?;
    let mut state = planned;
    state.set("id", settings.id());
    state.set("indexed", !exported.indexes.is_empty());
    exported.write(&mut state, &settings)?;

    // If the call stops from here on, part of the build may exist. A create then keeps it in its
    // state; an update keeps the previous state and remembers the rest.
    private.seen = Some(build.source);
    match operation {
        Operation::Create => private.current = Some(build.clone()),
        Operation::Update => private.others.push(build.clone()),
    }
    private.save(cx);
    let consequence = "The index may be partly published; the next apply completes it.";
    let work = async {
        claim(cx, &image, &settings, &build, &private.resource).await;
        publish(&image, &settings, indexed.as_ref(), &build).await
    };
    let doing = format!("publishing the index of {name}");
    let published = call.with_grace(GRACE).run(&doing, consequence, work).await;
    if let Err(diagnostic) = published {
        let failure = Failure::from(diagnostic);
        return Err(match operation {
            Operation::Create => failure.with_state(state),
            Operation::Update => failure,
        });
    }
    private.advance(build);
    private.save(cx);
    drop(lock);
    if let Some(indexed) = &indexed {
        warnings::of_build(cx, &name, indexed.report());
    }
    if !cx.is_cancelled() {
        warnings::of_moved_tag(cx, &image, &settings, exported.source).await;
    }
    Ok(state)
}

async fn prepare(
    cx: &Context<Shared>,
    settings: &Settings,
    promised: Option<Digest>,
    private: &PrivateState,
    remembered: &Remembered,
) -> Result<Prepared, Diagnostic> {
    let name = settings.image.to_string();
    let image = open(cx.data(), &settings.image).await?;
    let reusable = find_reusable(&image, settings, promised, private)
        .await
        .map_err(|error| diagnose("looking up", &name, &error))?;
    let (indexed, exported, mut build) = match reusable {
        Some((exported, build)) => (None, exported, build),
        None => {
            let indexed = index(&image, settings, promised, private, remembered).await?;
            let exported = Exported::new(indexed.report());
            let build = Build::new(&indexed, settings);
            (Some(indexed), exported, build)
        }
    };
    let publishing = |error| diagnose("publishing the index of", &name, &error);
    let lock = cx.data().lock_repository(&settings.image).await;
    build.image = settings.image.to_string();
    let known = private.builds().find(|known| known.is_same(&build));
    build.tags = known.map_or(Vec::new(), |known| known.tags.clone());
    build.found.clear();
    for manifest in &build.manifests {
        let exists = image.resolve(manifest).await.map_err(publishing)?.is_some();
        if exists && !private.has_published(&settings.image, *manifest) {
            build.found.insert(*manifest);
        }
    }
    build.adopted = !build.manifests.is_empty() && build.found.len() == build.manifests.len();
    if let (Some(tag), Some(digest)) = (&settings.tag, build.digest) {
        let now = image.resolve(tag).await.map_err(publishing)?;
        let now = now.map(|now| now.digest);
        let is_other = |now: &Digest| *now != digest && !private.has_tagged(&settings.image, tag);
        if let Some(now) = now.filter(is_other) {
            check_tag(cx, &image, settings, tag, now).await?;
        }
        if !build.tags.contains(tag) && (!build.adopted || now != Some(digest)) {
            build.tags.push(tag.clone());
        }
    }
    Ok(Prepared {
        image,
        indexed,
        exported,
        build,
        lock,
    })
}

/// Builds the index in memory.
async fn index(
    image: &RegistryImage,
    settings: &Settings,
    promised: Option<Digest>,
    private: &PrivateState,
    remembered: &Remembered,
) -> Result<Indexed, Diagnostic> {
    let name = settings.image.to_string();
    let source = promised.map_or_else(|| image.clone(), |digest| image.at(digest));
    if is_enabled(&source).await {
        return Err(already_enabled(settings));
    }
    if let Some(tag) = settings
        .tag
        .as_deref()
        .filter(|tag| !private.has_tagged(&settings.image, tag))
    {
        check_tag_early(image, settings, &source, tag).await?;
    }
    let error = match soci::index(&source, image, &settings.options, remembered, &Log).await {
        Ok(indexed) => return Ok(indexed),
        Err(error) => error,
    };
    if !error.is_not_found() {
        return Err(diagnose("indexing", &name, &error));
    }
    let root = promised.map_or_else(|| settings.source_name(), |digest| digest.to_string());
    match (image.resolve(root).await, promised) {
        (Ok(Some(_)), _) => Err(incomplete(&name, &error)),
        (Ok(None), Some(digest)) if settings.image.digest().is_none() => {
            Err(source_gone(&name, digest))
        }
        _ => Err(diagnose("indexing", &name, &error)),
    }
}

/// Returns whether an image carries SOCI indexes (V2). Errors are left to the next reader of the
/// image.
async fn is_enabled(source: &RegistryImage) -> bool {
    let root = source.root().await;
    root.is_ok_and(|root| root.is_soci_enabled())
}

fn already_enabled(settings: &Settings) -> Diagnostic {
    let image = &settings.image;
    let source = image.tag().and_then(|tag| tag.strip_suffix("-soci"));
    let hint = match source.filter(|tag| !tag.is_empty()) {
        Some(tag) => format!("Set image to the source image, {}:{tag}.", image.name()),
        None => "Set image to the image that it was converted from.".to_owned(),
    };
    let detail = format!(
        "{image} is already a SOCI-enabled image: it contains its own SOCI index.\n\n{hint} To \
         deploy {image} as is, no soci_index is needed."
    );
    Diagnostic::error("Image is already SOCI-enabled", detail).at("image")
}

fn incomplete(name: &str, error: &soci::Error) -> Diagnostic {
    let detail = format!(
        "While indexing {name}: {error}.\n\nThe image exists, but part of it is missing from \
         the registry. Push the image again with all of its platforms, or set the \
         argument platforms to the complete ones."
    );
    Diagnostic::error("Image is incomplete", detail).at("image")
}

/// Finds a complete build by this resource, of the same image and with the same recipe.
async fn find_reusable(
    image: &RegistryImage,
    settings: &Settings,
    promised: Option<Digest>,
    private: &PrivateState,
) -> soci::Result<Option<(Exported, Build)>> {
    let recipe = settings.recipe();
    let mut builds = private.beside(&settings.image);
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
    let mut builds = private.beside(&settings.image);
    let Some(build) = builds.find(|build| build.recipe == recipe && build.source == source) else {
        return Ok(None);
    };
    let enabled = match settings.version {
        Version::V1 => None,
        Version::V2 => build.digest,
    };
    if !build.is_whole(image).await? {
        return Ok(None);
    }
    let found = inspect(&image.at(enabled.unwrap_or(source))).await?;
    let mut indexes = complete_indexes(image, settings.version, &found).await?;
    let built: Vec<Digest> = build.indexes.iter().map(|(index, _)| *index).collect();
    indexes.retain(|index| built.contains(&index.digest));
    if indexes.len() != built.len() {
        return Ok(None);
    }
    let exported = Exported {
        source,
        enabled,
        indexes: entries(&indexes),
    };
    Ok(Some((exported, build.clone())))
}

fn source_gone(name: &str, source: Digest) -> Diagnostic {
    let detail = format!(
        "The plan was to index {name} at {source}, which is no longer in the \
         registry. Plan again: the tag may point to a newer image now."
    );
    Diagnostic::error("Image is gone", detail).at("image")
}

/// Writes progress to the log.
struct Log;

impl soci::Progress for Log {
    fn layer_reused(&self, layer: &soci::oci::Descriptor) {
        tracing::info!(layer = %layer.digest, size = layer.size, "layer already indexed, not read again");
    }

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
