//! Removing what a resource published.

use std::collections::BTreeSet;

use soci::{Digest, RegistryError, RegistryImage, Removal, Removed, Version};
use tfplugin_sdk::{Context, Diagnostic};

use super::build::Build;
use super::private_state::PrivateState;
use super::registry::open;
use super::settings::Settings;
use crate::claims::Claim;
use crate::diagnose::{diagnose, is_immutable};
use crate::shared::{CallContext, Shared};

/// Removes builds of a resource, except what `kept` leads to and what other resources use. Warns
/// if the registry does not delete.
pub(super) async fn remove(
    call: &CallContext<'_>,
    settings: &Settings,
    resource: &str,
    builds: &[Build],
    kept: &[Digest],
) -> Result<(), Diagnostic> {
    let cx = call.cx;
    let work = async {
        let image = open(cx.data(), &settings.image).await?;
        let _lock = cx.data().lock_repository(&settings.image).await;
        let claims = &cx.data().claims;
        let mut others = claims.of_others(&settings.image.name(), resource);
        others.manifests.extend(kept);
        for build in builds {
            remove_one(cx, &image, settings, build, &others).await?;
        }
        Ok(())
    };
    run(call, settings, work).await
}

async fn run<T>(
    call: &CallContext<'_>,
    settings: &Settings,
    work: impl Future<Output = Result<T, Diagnostic>> + Send,
) -> Result<T, Diagnostic> {
    let doing = format!("removing the index of {}", settings.image);
    let consequence = "The next apply continues with it.";
    call.run(&doing, consequence, work).await
}

async fn remove_one(
    cx: &Context<Shared>,
    image: &RegistryImage,
    settings: &Settings,
    build: &Build,
    others: &Claim,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let removed = match settings.version {
        _ if build.adopted => Ok(Removed::InUse),
        Version::V1 => remove_v1(image, build, &others.manifests).await,
        Version::V2 => remove_v2(image, build, &others.manifests).await,
    };
    match removed {
        Ok(Removed::Gone) => Ok(()),
        Ok(Removed::InUse) => {
            tracing::info!(
                image = name,
                "the SOCI-enabled image is used elsewhere and stays"
            );
            let tags = build.tags.iter().filter(|tag| !others.tags.contains(*tag));
            let tags: Vec<String> = tags.cloned().collect();
            remove_tags(cx, image, &name, build, &tags).await?;
            Ok(())
        }
        // Some registries never delete.
        Err(error) if never_deletes(&error) => {
            let detail = format!(
                "The registry does not support deletion. The index of {name} stays until the \
                 registry removes it: {error}."
            );
            cx.warn(Diagnostic::warning("Index not removed", detail));
            Ok(())
        }
        Err(error) => Err(diagnose("removing the index of", &name, &error)),
    }
}

fn never_deletes(error: &soci::Error) -> bool {
    error.registry().and_then(RegistryError::status_code) == Some(405)
}

/// Removes tags from a build that stays. Warns of those that cannot be removed, and returns them.
async fn remove_tags(
    cx: &Context<Shared>,
    image: &RegistryImage,
    name: &str,
    build: &Build,
    tags: &[String],
) -> Result<Vec<String>, Diagnostic> {
    let mut left = Vec::new();
    let Some(root) = build.digest else {
        return Ok(left);
    };
    for tag in tags {
        match image.untag(tag, root).await {
            Ok(()) => {}
            Err(error) if never_deletes(&error) || is_immutable(&error) => {
                let detail = format!(
                    "The registry does not remove tags. The tag {tag:?} of the SOCI-enabled \
                     image of {name} stays: {error}."
                );
                cx.warn(Diagnostic::warning("Tag not removed", detail));
                left.push(tag.clone());
            }
            Err(error) => return Err(diagnose("removing a tag of the index of", name, &error)),
        }
    }
    Ok(left)
}

async fn remove_v1(
    image: &RegistryImage,
    build: &Build,
    kept: &BTreeSet<Digest>,
) -> soci::Result<Removed> {
    for (index, subject) in &build.indexes {
        if !kept.contains(index) {
            image.remove_index(*index, *subject).await?;
        }
    }
    Ok(Removed::Gone)
}

async fn remove_v2(
    image: &RegistryImage,
    build: &Build,
    kept: &BTreeSet<Digest>,
) -> soci::Result<Removed> {
    let Some(root) = build.digest else {
        return Ok(Removed::Gone);
    };
    let mut keep = vec![build.source];
    keep.extend(kept);
    let removal = Removal {
        root,
        tags: &build.tags,
        manifests: &build.manifests,
        kept: &keep,
    };
    image.remove_enabled(&removal).await
}

/// Removes earlier builds after an update. The previous one stays, because running containers
/// may still pull it. Failing is a warning; the next update tries again.
pub(super) async fn remove_superseded(
    call: &CallContext<'_>,
    settings: &Settings,
    before: Option<Digest>,
) {
    let cx = call.cx;
    let mut private = PrivateState::load(cx);
    let (stays, goes): (Vec<Build>, Vec<Build>) = std::mem::take(&mut private.others)
        .into_iter()
        .partition(|build| build.digest == before);
    let current = private.current.iter().chain(&stays);
    let kept: Vec<Digest> = current
        .flat_map(|build| build.manifests.iter().copied().chain([build.source]))
        .collect();
    match remove(call, settings, &private.resource, &goes, &kept).await {
        Ok(()) => private.others = stays,
        Err(diagnostic) => {
            let detail = format!(
                "The new index is published. An earlier one stays until the next change: {}",
                diagnostic.detail
            );
            cx.warn(Diagnostic::warning("Earlier index not removed", detail));
            private.others = stays.into_iter().chain(goes).collect();
        }
    }
    if let Err(diagnostic) = remove_former_tags(call, settings, &mut private).await {
        let detail = format!(
            "The new index is published. A tag that it had before stays until the next change: {}",
            diagnostic.detail
        );
        cx.warn(Diagnostic::warning("Earlier tag not removed", detail));
    }
    private.save(cx);
}

/// Removes the tags that builds had before the argument `tag` changed.
async fn remove_former_tags(
    call: &CallContext<'_>,
    settings: &Settings,
    private: &mut PrivateState,
) -> Result<(), Diagnostic> {
    let cx = call.cx;
    let is_former = |tag: &String| settings.tag.as_ref() != Some(tag);
    let builds = || private.builds();
    if !builds().flat_map(|build| &build.tags).any(is_former) {
        return Ok(());
    }
    let mut left = Vec::new();
    let work = async {
        let image = open(cx.data(), &settings.image).await?;
        let _lock = cx.data().lock_repository(&settings.image).await;
        let claims = &cx.data().claims;
        let others = claims.of_others(&settings.image.name(), &private.resource);
        for build in builds() {
            let former = build.tags.iter().filter(|tag| is_former(tag));
            let former = former.filter(|tag| !others.tags.contains(*tag));
            let former: Vec<String> = former.cloned().collect();
            let name = settings.image.to_string();
            left.extend(remove_tags(cx, &image, &name, build, &former).await?);
        }
        Ok(())
    };
    run(call, settings, work).await?;
    for build in private.current.iter_mut().chain(&mut private.others) {
        build
            .tags
            .retain(|tag| !is_former(tag) || left.contains(tag));
    }
    Ok(())
}
