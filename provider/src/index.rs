//! The resource `soci_index`: the SOCI index of one image.

mod attributes;
mod find;
mod make;

use std::time::Duration;

use soci::{Credentials, ImageReference, RegistryImage, Version};
use tfplugin_sdk::{
    Context, Create, Diagnostic, Diagnostics, Failure, Plan, Resource, Schema, Update, Value,
    async_trait, timeouts,
};

use crate::diagnose::diagnose;
use crate::provider::Shared;
use attributes::{Built, Settings};

/// The resource `soci_index`.
pub(crate) struct Index;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

#[async_trait]
impl Resource<Shared> for Index {
    fn type_name(&self) -> &str {
        "soci_index"
    }

    fn schema(&self) -> Schema {
        attributes::schema()
    }

    async fn modify_plan(&self, cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
        let Ok(settings) = Settings::read(plan.planned()) else {
            // Something is not known yet; the apply will tell.
            return Ok(());
        };
        let source = resolve_quietly(cx, &settings).await;
        if let Some(prior) = plan.prior() {
            let drifted = Built::remembered(cx).is_some_and(|built| built != Built::of(prior));
            let indexed = prior.get("source_digest").as_str().map(str::to_owned);
            let moved = source
                .as_ref()
                .is_some_and(|now| Some(now) != indexed.as_ref());
            if drifted || moved {
                plan.mark_computed_unknown();
            }
        }
        if plan.has_changes() {
            plan.set("id", settings.id());
            // The apply indexes just this image, even if the tag moves on until then.
            if let Some(digest) = source {
                if settings.version == Version::V1 {
                    let uri = format!("{}@{digest}", settings.image.name());
                    plan.set("image_uri", uri);
                }
                plan.set("source_digest", digest);
            }
        }
        Ok(())
    }

    async fn create(&self, cx: &Context<Shared>, request: Create) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "create", DEFAULT_TIMEOUT)?;
        make::make(cx, request.planned, limit).await
    }

    async fn read(&self, cx: &Context<Shared>, state: Value) -> Result<Option<Value>, Diagnostics> {
        find::find(cx, state).await
    }

    async fn update(&self, cx: &Context<Shared>, request: Update) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "update", DEFAULT_TIMEOUT)?;
        let old = Built::published(cx, &request.prior);
        let state = make::make(cx, request.planned, limit).await?;
        // The new index is in place; of the old one nothing is needed any more.
        if old != Built::of(&state)
            && let Err(diagnostic) = make::remove(cx, &request.prior, &old, Some(&state)).await
        {
            let detail = format!(
                "The new index is in place. The one before it stays behind: {}",
                diagnostic.detail
            );
            cx.warn(Diagnostic::warning("Old index not removed", detail));
        }
        Ok(state)
    }

    async fn delete(&self, cx: &Context<Shared>, state: Value) -> Result<(), Failure> {
        let built = Built::published(cx, &state);
        make::remove(cx, &state, &built, None).await?;
        Ok(())
    }

    async fn import_state(&self, _: &Context<Shared>, id: &str) -> Result<Value, Diagnostics> {
        let Some((version, image)) = id.split_once('/') else {
            return Err(bad_import_id(id).into());
        };
        if !["V1", "V2"].contains(&version) || image.parse::<ImageReference>().is_err() {
            return Err(bad_import_id(id).into());
        }
        Ok(Value::object([
            ("id", id.into()),
            ("image", image.into()),
            ("index_version", version.into()),
        ]))
    }
}

fn bad_import_id(id: &str) -> Diagnostic {
    let detail = format!(
        "Got {id:?}. Want the version of the index and the image that it was built for, such as \
         V2/registry.example.com/app:1.0 or V1/registry.example.com/app:1.0."
    );
    Diagnostic::error("Invalid import id", detail)
}

/// The image in its registry, with the credentials that there are for it.
async fn open(cx: &Context<Shared>, image: &ImageReference) -> Result<RegistryImage, Diagnostic> {
    let credentials = Credentials::from_docker_config(image)
        .await
        .map_err(|error| diagnose("looking up credentials for", &image.to_string(), &error))?;
    Ok(cx.data().client.image(image.clone(), credentials))
}

/// What the image is now, as far as that can be said while planning: an image may well be
/// pushed by the same apply that indexes it.
async fn resolve_quietly(cx: &Context<Shared>, settings: &Settings) -> Option<String> {
    let image = open(cx, &settings.image).await.ok()?;
    let name = settings.source_name();
    tokio::select! {
        () = cx.cancelled() => None,
        resolved = image.resolve(&name) => match resolved {
            Ok(descriptor) => descriptor.map(|descriptor| descriptor.digest.to_string()),
            Err(error) => {
                tracing::debug!(%error, "the image cannot be resolved while planning");
                None
            }
        }
    }
}
