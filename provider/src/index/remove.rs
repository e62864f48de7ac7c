//! Removing what a resource published.

use std::collections::BTreeSet;
use std::time::Duration;

use soci::{Digest, RegistryError, RegistryImage, Removal, Removed, Version};
use tfplugin_sdk::{Context, Diagnostic};

use super::open;
use super::record::{Build, Record};
use super::settings::Settings;
use super::uses::Used;
use crate::diagnose::{diagnose, is_immutable};
use crate::provider::Shared;

/// Removes builds of a resource, except what `kept` leads to and what other resources use. A
/// registry that does not delete is a warning.
pub(super) async fn remove(
    cx: &Context<Shared>,
    settings: &Settings,
    resource: &str,
    builds: &[Build],
    kept: &[Digest],
    limit: Duration,
) -> Result<(), Diagnostic> {
    let work = async {
        let image = open(cx, &settings.image).await?;
        let _turn = cx.data().turn(&settings.image).await;
        let mut others = cx.data().uses.of_others(settings, resource);
        others.documents.extend(kept);
        for build in builds {
            remove_one(cx, &image, settings, build, &others).await?;
        }
        Ok(())
    };
    bounded(cx, settings, limit, work).await
}

/// Work that an interrupt stops, and that has so much time.
async fn bounded(
    cx: &Context<Shared>,
    settings: &Settings,
    limit: Duration,
    work: impl Future<Output = Result<(), Diagnostic>>,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    tokio::select! {
        () = cx.cancelled() => {
            let detail = format!(
                "Removing the index of {name} was interrupted. The next apply goes on with it."
            );
            Err(Diagnostic::error("Interrupted", detail))
        }
        () = tokio::time::sleep(limit) => {
            let detail = format!(
                "Removing the index of {name} took longer than {} seconds. The next apply goes \
                 on with it. Allow more time in the timeouts block, and check the connection to \
                 the registry.",
                limit.as_secs()
            );
            Err(Diagnostic::error("Timed out", detail))
        }
        done = work => done,
    }
}

async fn remove_one(
    cx: &Context<Shared>,
    image: &RegistryImage,
    settings: &Settings,
    build: &Build,
    others: &Used,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let removed = match settings.version {
        _ if build.adopted => Ok(Removed::InUse),
        Version::V1 => remove_v1(image, build, &others.documents).await,
        Version::V2 => remove_v2(image, build, &others.documents).await,
    };
    match removed {
        Ok(Removed::Deleted) => Ok(()),
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
        // Some registries never delete; then there is nothing to do about it.
        Err(error) if never_deletes(&error) => {
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

fn never_deletes(error: &soci::Error) -> bool {
    error.registry().and_then(RegistryError::status_code) == Some(405)
}

/// Takes tags away from a build that stays, and returns those that cannot be taken away, which
/// is a warning.
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
                    "The registry does not let go of tags. {tag:?}, which the SOCI-enabled image \
                     of {name} had, stays: {error}."
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
    Ok(Removed::Deleted)
}

async fn remove_v2(
    image: &RegistryImage,
    build: &Build,
    kept: &BTreeSet<Digest>,
) -> soci::Result<Removed> {
    let Some(root) = build.digest else {
        return Ok(Removed::Deleted);
    };
    let mut keep = vec![build.source];
    keep.extend(kept);
    let removal = Removal::of(root)
        .with_tags(&build.tags)
        .with_manifests(&build.documents)
        .keeping(&keep);
    image.remove_converted(&removal).await
}

/// After an update: of the builds before, only the last stays, for what still runs it. Not
/// getting rid of the others is no failure; the next update tries again.
pub(super) async fn remove_superseded(
    cx: &Context<Shared>,
    settings: &Settings,
    before: Option<Digest>,
    limit: Duration,
) {
    let mut record = Record::load(cx);
    let (stays, goes): (Vec<Build>, Vec<Build>) = std::mem::take(&mut record.others)
        .into_iter()
        .partition(|build| build.digest == before);
    let current = record.current.iter().chain(&stays);
    let kept: Vec<Digest> = current
        .flat_map(|build| build.documents.iter().copied().chain([build.source]))
        .collect();
    match remove(cx, settings, &record.resource, &goes, &kept, limit).await {
        Ok(()) => record.others = stays,
        Err(diagnostic) => {
            let detail = format!(
                "The new index is in place. An earlier one stays behind until the next change: {}",
                diagnostic.detail
            );
            cx.warn(Diagnostic::warning("Earlier index not removed", detail));
            record.others = stays.into_iter().chain(goes).collect();
        }
    }
    if let Err(diagnostic) = remove_former_tags(cx, settings, &mut record, limit).await {
        let detail = format!(
            "The new index is in place. A tag that it had before stays behind until the next \
             change: {}",
            diagnostic.detail
        );
        cx.warn(Diagnostic::warning("Earlier tag not removed", detail));
    }
    record.save(cx);
}

/// Takes away the tags that builds had before the argument `tag` changed.
async fn remove_former_tags(
    cx: &Context<Shared>,
    settings: &Settings,
    record: &mut Record,
    limit: Duration,
) -> Result<(), Diagnostic> {
    let is_former = |tag: &String| settings.tag.as_ref() != Some(tag);
    let builds = || record.current.iter().chain(&record.others);
    if !builds().flat_map(|build| &build.tags).any(is_former) {
        return Ok(());
    }
    let mut left = Vec::new();
    let work = async {
        let image = open(cx, &settings.image).await?;
        let _turn = cx.data().turn(&settings.image).await;
        let others = cx.data().uses.of_others(settings, &record.resource);
        for build in builds() {
            let former = build.tags.iter().filter(|tag| is_former(tag));
            let former = former.filter(|tag| !others.tags.contains(*tag));
            let former: Vec<String> = former.cloned().collect();
            let name = settings.image.to_string();
            left.extend(remove_tags(cx, &image, &name, build, &former).await?);
        }
        Ok(())
    };
    bounded(cx, settings, limit, work).await?;
    for build in record.current.iter_mut().chain(&mut record.others) {
        build
            .tags
            .retain(|tag| !is_former(tag) || left.contains(tag));
    }
    Ok(())
}
