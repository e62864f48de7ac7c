//! Removing what a resource published.

use std::time::Duration;

use soci::{Digest, RegistryError, RegistryImage, Removal, Removed, Version};
use tfplugin_sdk::{Context, Diagnostic};

use super::attributes::Settings;
use super::open;
use super::record::{Build, Record};
use crate::diagnose::diagnose;
use crate::provider::Shared;

/// Removes builds of a resource, except what `kept` leads to. A registry that does not delete
/// is a warning.
pub(super) async fn remove(
    cx: &Context<Shared>,
    settings: &Settings,
    builds: &[Build],
    kept: &[Digest],
    limit: Duration,
) -> Result<(), Diagnostic> {
    let name = settings.image.to_string();
    let work = async {
        let image = open(cx, &settings.image).await?;
        let _turn = cx.data().turn(&settings.image).await;
        for build in builds {
            remove_one(cx, &image, settings, build, kept).await?;
        }
        Ok(())
    };
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
    kept: &[Digest],
) -> Result<(), Diagnostic> {
    if build.adopted {
        return Ok(());
    }
    let name = settings.image.to_string();
    let removed = match settings.version {
        Version::V1 => remove_v1(image, build, kept).await,
        Version::V2 => remove_v2(image, settings, build, kept).await,
    };
    match removed {
        Ok(Removed::Gone) => Ok(()),
        Ok(Removed::InUse) => {
            tracing::info!(
                image = name,
                "the SOCI-enabled image has other tags and stays"
            );
            Ok(())
        }
        // Some registries never delete; then there is nothing to do about it.
        Err(error) if error.registry().and_then(RegistryError::status_code) == Some(405) => {
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

async fn remove_v1(image: &RegistryImage, build: &Build, kept: &[Digest]) -> soci::Result<Removed> {
    for (index, subject) in &build.indexes {
        if !kept.contains(index) {
            image.remove_index(*index, *subject).await?;
        }
    }
    Ok(Removed::Gone)
}

async fn remove_v2(
    image: &RegistryImage,
    settings: &Settings,
    build: &Build,
    kept: &[Digest],
) -> soci::Result<Removed> {
    let Some(root) = build.digest else {
        return Ok(Removed::Gone);
    };
    let tag = settings.output_tag();
    let mut keep = vec![build.source];
    keep.extend(kept);
    let removal = Removal {
        root,
        tag: tag.as_deref(),
        manifests: &build.documents,
        kept: &keep,
    };
    image.remove_enabled(&removal).await
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
    match remove(cx, settings, &goes, &kept, limit).await {
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
    record.save(cx);
}
