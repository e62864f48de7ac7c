//! The resource `soci_index`: the SOCI index of one image.

mod attributes;
mod find;
mod make;
mod record;
mod remove;

use std::time::Duration;

use soci::{ImageReference, RegistryImage, Version};
use tfplugin_sdk::{
    Context, Create, Diagnostic, Diagnostics, Failure, Plan, Resource, Schema, Update, Value,
    async_trait, timeouts,
};

use crate::diagnose::diagnose;
use crate::provider::Shared;
use attributes::Settings;
use record::{Build, Record};

/// The resource `soci_index`.
pub(crate) struct Index;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// For what takes some requests, and reads no layer.
const SHORT_TIMEOUT: Duration = Duration::from_secs(10 * 60);
const PLAN_TIMEOUT: Duration = Duration::from_secs(15);

#[async_trait]
impl Resource<Shared> for Index {
    fn type_name(&self) -> &str {
        "soci_index"
    }

    fn schema(&self) -> Schema {
        attributes::schema()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        if let Err(diagnostic) = attributes::check_tag_length(config) {
            diagnostics.push(diagnostic);
        }
        diagnostics
    }

    async fn modify_plan(&self, cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
        let Ok(settings) = Settings::read(plan.planned()) else {
            // Something is not known yet; the apply will tell.
            return Ok(());
        };
        if let Some(prior) = plan.prior().filter(|_| !plan.has_changes()) {
            let record = Record::load(cx);
            let drifted = record.current.is_some_and(|built| !built.is_shown(prior));
            let indexed = prior.get("source_digest").as_str();
            let moved = match resolve(cx, &settings).await {
                Some(now) => Some(now.as_str()) != indexed,
                None => false,
            };
            if drifted || moved {
                plan.mark_computed_unknown();
            }
        }
        if plan.has_changes() {
            plan.set("id", settings.id());
            // Terraform plans again while it applies, and a value once known must come out the
            // same. A tag may move in between; a digest cannot.
            if let Some(digest) = settings.image.digest() {
                plan.set("source_digest", digest.to_string());
                if settings.version == Version::V1 {
                    let uri = format!("{}@{digest}", settings.image.name());
                    plan.set("image_uri", uri);
                }
            }
        }
        Ok(())
    }

    async fn create(&self, cx: &Context<Shared>, request: Create) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "create", DEFAULT_TIMEOUT)?;
        make::make(cx, request.planned, false, limit).await
    }

    async fn read(&self, cx: &Context<Shared>, state: Value) -> Result<Option<Value>, Diagnostics> {
        let limit = timeouts::get(&state, "read", SHORT_TIMEOUT)?;
        find::find(cx, state, limit).await
    }

    async fn update(&self, cx: &Context<Shared>, request: Update) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "update", DEFAULT_TIMEOUT)?;
        let before = Record::load(cx).current.and_then(|build| build.digest);
        let state = make::make(cx, request.planned, true, limit).await?;
        let settings = Settings::read(&state)?;
        remove::remove_superseded(cx, &settings, before, SHORT_TIMEOUT).await;
        Ok(state)
    }

    async fn delete(&self, cx: &Context<Shared>, state: Value) -> Result<(), Failure> {
        let limit = timeouts::get(&state, "delete", SHORT_TIMEOUT)?;
        let settings = Settings::read(&state)?;
        let record = Record::load(cx);
        let imported = || Build::imported(&state);
        let mut builds = record.others;
        builds.extend(record.current.or_else(imported));
        remove::remove(cx, &settings, &builds, &[], limit).await?;
        Ok(())
    }

    async fn import_state(&self, _: &Context<Shared>, id: &str) -> Result<Value, Diagnostics> {
        let Some((version, image)) = id.split_once('/') else {
            return Err(bad_import_id(id).into());
        };
        if !["V1", "V2"].contains(&version) || image.parse::<ImageReference>().is_err() {
            return Err(bad_import_id(id).into());
        }
        let state = Value::object([("image", image.into()), ("index_version", version.into())]);
        let settings = Settings::read(&state)?;
        if settings.version == Version::V2 && settings.output_tag().is_none() {
            let detail = format!(
                "A SOCI-enabled image of {image} has no tag, so that it cannot be found by the \
                 image's name. Let an apply build it again: what is there already is taken over."
            );
            return Err(Diagnostic::error("Image without a tag", detail).into());
        }
        let mut state = state;
        state.set("id", settings.id());
        Ok(state)
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
    let shared = cx.data();
    let credentials = shared.credentials.find(&shared.aws, image).await?;
    Ok(shared.client.image(image.clone(), credentials))
}

/// What the image is now, as far as that can be said while planning: an image may well be
/// pushed by the same apply that indexes it.
async fn resolve(cx: &Context<Shared>, settings: &Settings) -> Option<String> {
    let work = async {
        let image = open(cx, &settings.image).await?;
        let name = settings.source_name();
        let resolved = image.resolve(&name).await;
        resolved.map_err(|error| diagnose("looking up", &settings.image.to_string(), &error))
    };
    let resolved = tokio::select! {
        () = cx.cancelled() => return None,
        () = tokio::time::sleep(PLAN_TIMEOUT) => {
            let detail = format!(
                "While looking up {}: no answer within {} seconds.",
                settings.image,
                PLAN_TIMEOUT.as_secs()
            );
            Err(Diagnostic::error("Registry not reachable", detail).at("image"))
        }
        resolved = work => resolved,
    };
    match resolved {
        Ok(descriptor) => descriptor.map(|descriptor| descriptor.digest.to_string()),
        Err(diagnostic) => {
            let detail = format!(
                "{}\n\nWhether the tag has moved is not known.",
                diagnostic.detail
            );
            cx.warn(Diagnostic::warning(diagnostic.summary, detail).at("image"));
            None
        }
    }
}
