//! The data source `soci_index`: whether an image has a SOCI index, and which.

use std::time::Duration;

use soci::{Digest, RegistryImage, Version, inspect};
use tfplugin_sdk::{
    Attribute, Context, DataSource, Diagnostic, Diagnostics, Schema, Value, async_trait,
};

use super::exported::Exported;
use super::lookup::{complete_indexes, one_per_platform, same_layers};
use super::registry::open;
use super::settings::Settings;
use super::{attributes, validate};
use crate::diagnose::diagnose;
use crate::shared::{CallContext, Shared};

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
                "Looks up the SOCI index of a container image, whoever built it. An image \
                 without an index is not an error: `image_uri` can be deployed either way.",
            )
            .attribute("image", attributes::image().description(
                "The image, as `host/repository:tag` or `host/repository@sha256:…`. It must exist.",
            ))
            .attribute("index_version", attributes::index_version())
            .attribute("tag", attributes::tag(
                "Tag under which to look for the SOCI-enabled image, in the repository of the \
                 image; only for `V2`.",
            ))
            .attribute("id", text("Index version and image."))
            .attribute(
                "found",
                Attribute::bool().computed().description(
                    "Whether the image has an index of this version, complete with all zTOCs. \
                     For `V2`, the image itself must carry the index, or the image under `tag` \
                     must carry it and have the same layers; an index of an older image does \
                     not count.",
                ),
            )
            .attribute("source_digest", text("Digest of the image."))
            .attribute("digest", text(
                "Digest of the SOCI-enabled image (`V2`), or of the SOCI index of the first \
                 indexed platform (`V1`). Null if there is none.",
            ))
            .attribute("image_uri", text(
                "The image to deploy, pinned by digest: the SOCI-enabled image (`V2`), or the \
                 image itself (`V1`, or no index found).",
            ))
            .attribute("indexes", attributes::indexes())
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        validate::across_arguments(config)
    }

    async fn read(&self, cx: &Context<Shared>, config: Value) -> Result<Value, Diagnostics> {
        let settings = Settings::read(&config)?;
        let name = settings.image.to_string();
        let work = async {
            let image = open(cx.data(), &settings.image).await?;
            let source = resolve(&image, &settings).await?;
            let found = look_up(&image, &settings, source).await;
            found.map_err(|error| diagnose("looking up the index of", &name, &error))
        };
        let doing = format!("looking up the index of {name}");
        let call = CallContext::new(cx, TIMEOUT);
        let found = call.run(&doing, "Nothing was changed.", work).await?;
        let mut state = config;
        state.set("id", settings.id());
        state.set("tag", settings.tag.clone());
        state.set("found", !found.indexes.is_empty());
        found.write(&mut state, &settings)?;
        Ok(state)
    }
}

/// Returns the digest of the image, which must exist.
async fn resolve(image: &RegistryImage, settings: &Settings) -> Result<Digest, Diagnostic> {
    // Unlike resolving the name, this fails with the registry's own words.
    let manifest = image.document(settings.source_name()).await;
    let manifest =
        manifest.map_err(|error| diagnose("looking up", &settings.image.to_string(), &error))?;
    Ok(manifest.descriptor.digest)
}

async fn look_up(
    image: &RegistryImage,
    settings: &Settings,
    source: Digest,
) -> soci::Result<Exported> {
    let own = inspect(&image.at(source)).await?;
    let indexes = complete_indexes(image, settings.version, &own).await?;
    if settings.version == Version::V1 || !indexes.is_empty() {
        return Ok(Exported {
            source,
            enabled: (settings.version == Version::V2).then_some(source),
            indexes: one_per_platform(indexes),
        });
    }
    let mut found = Exported {
        source,
        enabled: None,
        indexes,
    };
    let Some(tag) = &settings.tag else {
        return Ok(found);
    };
    let Some(now) = image.resolve(tag).await? else {
        return Ok(found);
    };
    let enabled = match inspect(&image.at(now.digest)).await {
        Ok(enabled) => enabled,
        // Part of it is gone, or it is something else.
        Err(error) if error.is_not_found() => return Ok(found),
        Err(soci::Error::NotAnImage { .. }) => return Ok(found),
        Err(error) => return Err(error),
    };
    if same_layers(&own, &enabled) {
        let indexes = complete_indexes(image, Version::V2, &enabled).await?;
        found.indexes = one_per_platform(indexes);
        found.enabled = (!found.indexes.is_empty()).then_some(now.digest);
    }
    Ok(found)
}
