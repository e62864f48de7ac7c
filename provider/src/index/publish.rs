//! Publication of a build under a tag that may already be in use.

use soci::ztoc::Compression;
use soci::{Destination, Digest, Indexed, Inspection, RegistryImage, inspect};
use tfplugin_sdk::{Context, Diagnostic};

use super::build::Build;
use super::claims::Claims;
use super::settings::Settings;
use crate::diagnose::diagnose;
use crate::shared::Shared;

/// Claims the manifests that the resource found in the registry. Without a claim, the index works
/// too, but may be removed along with the resource that published it, so a failure is only a
/// warning.
pub(super) async fn claim(
    cx: &Context<Shared>,
    image: &RegistryImage,
    settings: &Settings,
    build: &Build,
    resource: &str,
) {
    let claims = Claims::new(image, resource);
    for manifest in build.claimable(settings) {
        let tag = settings.tag.as_deref();
        if let Err(error) = claims.claim(manifest, &settings.id(), tag).await {
            let detail = format!(
                "The index of {} was already in the registry, and could not be marked as used by \
                 this resource too: {error}.\n\nIf it was published by another soci_index and that \
                 one is destroyed, the index is removed with it; the next apply builds it again.",
                settings.image
            );
            cx.warn(Diagnostic::warning("Shared index not claimed", detail));
            return;
        }
    }
}

/// Publishes a new build, or tags the existing build if there is no new one.
pub(super) async fn publish(
    image: &RegistryImage,
    settings: &Settings,
    indexed: Option<&Indexed>,
    build: &Build,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let tag = settings.tag.as_deref();
    let published = match (indexed, build.digest, tag) {
        (Some(indexed), _, tag) => indexed.publish(image, tag).await,
        (None, Some(digest), Some(tag)) => retag(image, digest, tag).await,
        (None, _, _) => Ok(()),
    };
    published.map_err(|error| match tag {
        Some(tag) if error.is_immutable_tag() => immutable(&name, tag, &error),
        _ => diagnose("publishing the index of", &name, &error),
    })
}

async fn retag(image: &RegistryImage, digest: Digest, tag: &str) -> soci::Result<()> {
    let manifest = image.pull_manifest(digest).await?;
    image.tag(&manifest, tag).await
}

/// Refuses to overwrite a tag that names anything but a SOCI-enabled image, and warns if it names
/// another SOCI-enabled image.
pub(super) async fn check_tag(
    cx: &Context<Shared>,
    image: &RegistryImage,
    settings: &Settings,
    tag: &str,
    now: Digest,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let Some(is_enabled) = is_enabled(image, &name, now).await? else {
        return Ok(());
    };
    if is_enabled {
        let detail = format!(
            "The tag {tag:?} for the SOCI-enabled image of {name} pointed to another SOCI-enabled \
             image before, {now}. If another configuration or an index builder publishes to that \
             tag too, each will take it from the other: set the argument tag to another value."
        );
        cx.warn(Diagnostic::warning("Tag taken over", detail).at("tag"));
        return Ok(());
    }
    Err(taken(&name, tag, now))
}

/// Makes the same check before a layer is read, if the manifests suggest that some layer will have
/// an index; otherwise nothing is tagged.
pub(super) async fn check_tag_early(
    image: &RegistryImage,
    settings: &Settings,
    source: &RegistryImage,
    tag: &str,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let now = image.resolve(tag).await;
    let Some(now) = now.map_err(|error| diagnose("looking up", &name, &error))? else {
        return Ok(());
    };
    if is_enabled(image, &name, now.digest).await? != Some(false) {
        return Ok(());
    }
    match inspect(source).await {
        Ok(found) if will_be_indexed(&found, settings) => Err(taken(&name, tag, now.digest)),
        // The next reader of the image reports what is wrong with it.
        _ => Ok(()),
    }
}

fn will_be_indexed(found: &Inspection, settings: &Settings) -> bool {
    let options = &settings.options;
    let mut layers = found.platforms.iter().flat_map(|found| &found.layers);
    options.platforms.is_empty()
        && layers.any(|layer| {
            layer.size >= options.min_layer_size
                && Compression::of_media_type(&layer.media_type).is_ok()
        })
}

/// Returns whether the image with a digest carries SOCI indexes (V2), or `None` if there is no such
/// image.
async fn is_enabled(
    image: &RegistryImage,
    name: &str,
    digest: Digest,
) -> Result<Option<bool>, Diagnostic> {
    match inspect(&image.at(digest)).await {
        Ok(found) => Ok(Some(found.platforms.iter().any(|p| !p.indexes.is_empty()))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(soci::Error::NotAnImage { .. }) => Ok(Some(false)),
        Err(error) => Err(diagnose("publishing the index of", name, &error)),
    }
}

fn taken(name: &str, tag: &str, now: Digest) -> Diagnostic {
    let detail = format!(
        "The SOCI-enabled image of {name} would be tagged {tag:?}, but that tag points to an image \
         without a SOCI index, {now}. Set the argument tag to another value, or delete the \
         existing tag if it is not needed."
    );
    Diagnostic::error("Tag is taken", detail).at("tag")
}

fn immutable(name: &str, tag: &str, error: &soci::Error) -> Diagnostic {
    let detail = format!(
        "While publishing the index of {name}: {error}.\n\nThe tag {tag:?} already points to other \
         content and cannot be moved. Set the argument tag to another value, such as \
         tag = \"{tag}-2\"; or delete the tag, or make the repository's tags mutable."
    );
    Diagnostic::error("Tag is immutable", detail).at("tag")
}
