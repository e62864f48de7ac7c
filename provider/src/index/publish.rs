//! Publishing a build, under a tag that may be taken.

use soci::{Destination, Digest, Indexed, RegistryImage, inspect};
use tfplugin_sdk::{Context, Diagnostic};

use super::build::Build;
use super::claims::Claims;
use super::settings::Settings;
use crate::diagnose::diagnose;
use crate::shared::Shared;

/// Claims what the resource found in the registry. Without a claim the index is as good, but may
/// go with the resource that published it, so failing is a warning.
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
                "The index of {} was in the registry already, and cannot be marked as used by \
                 this resource too: {error}.\n\nIf it was published by another soci_index and that \
                 one is destroyed, the index goes with it; the next apply builds it again.",
                settings.image
            );
            cx.warn(Diagnostic::warning("Shared index not claimed", detail));
            return;
        }
    }
}

/// Publishes what was built; where nothing was, tags the existing build.
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

/// Refuses to overwrite a tag that names anything but a SOCI-enabled image; warns of one that
/// names another SOCI-enabled image.
pub(super) async fn check_tag(
    cx: &Context<Shared>,
    image: &RegistryImage,
    settings: &Settings,
    tag: &str,
    now: Digest,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let is_enabled = match inspect(&image.at(now)).await {
        Ok(found) => found.platforms.iter().any(|p| !p.indexes.is_empty()),
        Err(error) if error.is_not_found() => return Ok(()),
        Err(soci::Error::NotAnImage { .. }) => false,
        Err(error) => return Err(diagnose("publishing the index of", &name, &error)),
    };
    if is_enabled {
        let detail = format!(
            "The tag {tag:?} for the SOCI-enabled image of {name} named another SOCI-enabled \
             image so far, {now}. If another configuration or an index builder publishes to that \
             tag too, each will take it from the other: choose another tag with the argument tag."
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

fn immutable(name: &str, tag: &str, error: &soci::Error) -> Diagnostic {
    let detail = format!(
        "While publishing the index of {name}: {error}.\n\nThe tag {tag:?} exists with other \
         content and cannot be moved. Choose another tag with the argument tag, such as \
         tag = \"{tag}-2\"; or delete the tag, or make the repository's tags mutable."
    );
    Diagnostic::error("Tag is immutable", detail).at("tag")
}
