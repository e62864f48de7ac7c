//! The data source `soci_index`: whether an image has a SOCI index, and which.

use std::time::Duration;

use soci::{Digest, ImageReference, RegistryImage, Version, inspect};
use tfplugin_sdk::{
    Attribute, Context, DataSource, Diagnostic, Diagnostics, Schema, Value, async_trait,
};

use super::attributes::{self, Shown};
use super::settings::{Settings, check_together};
use super::{find, open};
use crate::diagnose::diagnose;
use crate::provider::Shared;

/// The data source `soci_index`.
pub(crate) struct IndexData;

const TIMEOUT: Duration = Duration::from_secs(5 * 60);

#[async_trait]
impl DataSource<Shared> for IndexData {
    fn type_name(&self) -> &str {
        "soci_index"
    }

    fn schema(&self) -> Schema {
        let text = |description: &str| Attribute::string().computed().description(description);
        Schema::new()
            .description(
                "Looks up the SOCI index of a container image, whoever built it. An image without \
                 one is not an error: `image_uri` can be deployed either way.",
            )
            .attribute("image", attributes::image().description(
                "The image, as `host/repository:tag` or `host/repository@sha256:…`. It must exist.",
            ))
            .attribute("index_version", attributes::index_version())
            .attribute("tag", attributes::tag(
                "Tag of the SOCI-enabled image to look for, in the repository of the image; only \
                 for `V2`.",
            ))
            .attribute("id", text("The version of the index and the image."))
            .attribute(
                "found",
                Attribute::bool().computed().description(
                    "Whether the image has an index of this version, complete with all its zTOCs. \
                     For `V2`: whether the image itself carries one, or else whether the image \
                     under `tag` does and has the same layers as the image; an index of an older \
                     image does not count.",
                ),
            )
            .attribute("source_digest", text("Digest of the image."))
            .attribute("digest", text(
                "Digest of the SOCI-enabled image (`V2`), or of the SOCI index of the image's \
                 first indexed platform (`V1`). Null if there is none.",
            ))
            .attribute("image_uri", text(
                "The image to deploy, pinned by digest: the SOCI-enabled image (`V2`), or the \
                 image itself (`V1`, or no index found).",
            ))
            .attribute("indexes", attributes::indexes())
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        check_together(config)
    }

    async fn read(&self, cx: &Context<Shared>, config: Value) -> Result<Value, Diagnostics> {
        let settings = Settings::read(&config)?;
        let name = settings.image.to_string();
        let work = async {
            let image = open(cx, &settings.image).await?;
            let source = resolve(&image, &settings.image).await?;
            let shown = look(&image, &settings, source).await;
            shown.map_err(|error| diagnose("looking up the index of", &name, &error))
        };
        let shown = tokio::select! {
            () = cx.cancelled() => {
                let detail = format!("Looking up the index of {name} was interrupted.");
                return Err(Diagnostic::error("Interrupted", detail).into());
            }
            () = tokio::time::sleep(TIMEOUT) => {
                let detail = format!(
                    "Looking up the index of {name} took longer than {} seconds. Check the \
                     connection to the registry.",
                    TIMEOUT.as_secs()
                );
                return Err(Diagnostic::error("Timed out", detail).into());
            }
            shown = work => shown?,
        };
        let mut state = config;
        state.set("id", settings.id());
        state.set("tag", settings.tag.clone());
        state.set("found", !shown.lines.is_empty());
        shown.set(&mut state, &settings)?;
        Ok(state)
    }
}

/// The digest of the image, which must exist.
async fn resolve(image: &RegistryImage, name: &ImageReference) -> Result<Digest, Diagnostic> {
    let tag = || name.tag().unwrap_or("latest").to_owned();
    let source = name.digest().map_or_else(tag, |digest| digest.to_string());
    // Unlike a look whether it is there, this fails in the registry's own words.
    let document = image.pull_manifest(source).await;
    let document = document.map_err(|error| diagnose("looking up", &name.to_string(), &error))?;
    Ok(document.descriptor.digest)
}

async fn look(image: &RegistryImage, settings: &Settings, source: Digest) -> soci::Result<Shown> {
    let own = inspect(&image.at(source)).await?;
    let lines = find::lines(image, settings.version, &own).await?;
    if settings.version == Version::V1 || !lines.is_empty() {
        let enabled = (settings.version == Version::V2).then_some(source);
        return Ok(Shown {
            source,
            enabled,
            lines: find::one_each(lines),
        });
    }
    let mut shown = Shown {
        source,
        enabled: None,
        lines,
    };
    let Some(tag) = &settings.tag else {
        return Ok(shown);
    };
    let Some(now) = image.resolve(tag).await? else {
        return Ok(shown);
    };
    let found = match inspect(&image.at(now.digest)).await {
        Ok(found) => found,
        // A part of it is gone, or it is something else.
        Err(error) if error.is_not_found() => return Ok(shown),
        Err(soci::Error::NotAnImage { .. }) => return Ok(shown),
        Err(error) => return Err(error),
    };
    if find::same_layers(&own, &found) {
        shown.lines = find::one_each(find::lines(image, Version::V2, &found).await?);
        shown.enabled = (!shown.lines.is_empty()).then_some(now.digest);
    }
    Ok(shown)
}
