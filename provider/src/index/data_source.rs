//! The data source `soci_index`, which finds the SOCI index of an image.

use std::time::Duration;

use soci::wait_for_deployment;
use tfplugin_sdk::{
    Attribute, Context, DataSource, Diagnostic, Diagnostics, Schema, Value, async_trait, timeouts,
};

use super::exported::Exported;
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
                "Looks up the SOCI index of a container image, whatever built it, and optionally \
                 waits for it. An image without an index is not an error: `image_uri` can be \
                 deployed either way.",
            )
            .attribute("image", attributes::image().description(
                "The image, as `host/repository:tag` or `host/repository@sha256:…`. It must exist.",
            ))
            .attribute("index_version", attributes::index_version())
            .attribute("tag", attributes::tag(
                "Tag under which to look for the SOCI-enabled image, in the repository of the \
                 image; only for `V2`.",
            ).computed())
            .attribute("wait_for", timeouts::duration().description(
                "How long to wait for the index, as a \
                 [duration](https://pkg.go.dev/time#ParseDuration) such as `5m`: for an image that \
                 was just pushed and is indexed by an index builder. The wait ends as soon as \
                 the index exists, or the tag of the SOCI-enabled image shows that there is \
                 nothing to index. If `image` has a digest, the wait is for that image, not a \
                 later push of its tag. Default: no wait.",
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
        let wait = timeouts::get_duration(&config, "wait_for")?.unwrap_or_default();
        let name = settings.image.to_string();
        let work = async {
            let image = open(cx.data(), &settings.image).await?;
            let tag = settings.tag.as_deref();
            let found = wait_for_deployment(&image, settings.version, tag, wait).await;
            found.map_err(|error| diagnose("looking up the index of", &name, &error))
        };
        let doing = format!("looking up the index of {name}");
        let call = CallContext::new(cx, wait.saturating_add(TIMEOUT));
        let found = call.run(&doing, "Nothing was changed.", work).await?;
        if !found.is_ready() && !wait.is_zero() {
            let detail = format!(
                "{name} still has no index after {}, so image_uri is the image itself. If \
                 an index builder should have built it, check the log of its index generator; an \
                 image pushed before the builder was created is indexed by its next sweep. To \
                 fail instead, add a postcondition on found.",
                config.get("wait_for").as_str().unwrap_or_default()
            );
            cx.warn(Diagnostic::warning("Index not found in time", detail).at("wait_for"));
        }
        let found = Exported::of(&found);
        let mut state = config;
        state.set("id", settings.id());
        state.set("tag", settings.tag.clone());
        state.set("found", !found.indexes.is_empty());
        found.write(&mut state, &settings)?;
        Ok(state)
    }
}
