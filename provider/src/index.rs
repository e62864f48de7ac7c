//! The resource `soci_index`: the SOCI index of one image.

mod attributes;
mod data;
mod find;
mod make;
mod plan;
mod record;
mod remove;
mod report;
mod settings;
mod uses;

use std::time::Duration;

use soci::{ImageReference, RegistryImage, Version};
use tfplugin_sdk::{
    Context, Create, Diagnostic, Diagnostics, Failure, Plan, Resource, Schema, Update, Value,
    async_trait, timeouts,
};

use crate::provider::Shared;
pub(crate) use data::IndexData;
use record::{Build, Record};
use settings::{Settings, check_together};
pub(crate) use uses::Uses;

/// The resource `soci_index`.
pub(crate) struct Index;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// For what takes some requests, and reads no layer.
const SHORT_TIMEOUT: Duration = Duration::from_secs(10 * 60);

#[async_trait]
impl Resource<Shared> for Index {
    fn type_name(&self) -> &str {
        "soci_index"
    }

    fn schema(&self) -> Schema {
        attributes::schema()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        check_together(config)
    }

    async fn modify_plan(&self, cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
        plan::modify(cx, plan)
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
        if state.get("keep_on_destroy").as_bool() == Some(true) {
            return Ok(());
        }
        let record = Record::load(cx);
        let imported = || Build::imported(&state);
        let mut builds = record.others;
        builds.extend(record.current.or_else(imported));
        remove::remove(cx, &settings, &record.resource, &builds, &[], limit).await?;
        Ok(())
    }

    async fn import_state(&self, _: &Context<Shared>, id: &str) -> Result<Value, Diagnostics> {
        let invalid = || Diagnostics::from(invalid_import_id(id));
        let (version, rest) = id.split_once('/').ok_or_else(invalid)?;
        let (image, tag) = match rest.split_once(',') {
            Some((image, tag)) => (image, Some(tag)),
            None => (rest, None),
        };
        let is_tag = |tag| version == "V2" && settings::check_tag(tag).is_ok();
        if !["V1", "V2"].contains(&version)
            || image.parse::<ImageReference>().is_err()
            || !tag.is_none_or(is_tag)
        {
            return Err(invalid());
        }
        let mut state = Value::object([
            ("image", image.into()),
            ("index_version", version.into()),
            ("tag", tag.into()),
            ("keep_on_destroy", false.into()),
        ]);
        let settings = Settings::read(&state)?;
        if settings.version == Version::V2 && settings.tag.is_none() {
            let detail = format!(
                "A SOCI-enabled image of {image} has no tag by default, so that it cannot be \
                 found by the image's name. If it has one, add it to the id after a comma. If \
                 not, let an apply build it again: what is there already is taken over."
            );
            return Err(Diagnostic::error("Image without a tag", detail).into());
        }
        state.set("tag", settings.tag.clone());
        state.set("id", settings.id());
        Ok(state)
    }
}

fn invalid_import_id(id: &str) -> Diagnostic {
    let detail = format!(
        "Got {id:?}. Want the version of the index and the image that it was built for, such as \
         V2/registry.example.com/app:1.0 or V1/registry.example.com/app:1.0. A SOCI-enabled image \
         whose tag is not the image's with \"-soci\" behind it needs that tag too, after a comma: \
         V2/registry.example.com/app:1.0,lazy."
    );
    Diagnostic::error("Invalid import id", detail)
}

/// The image in its registry, with the credentials that there are for it.
async fn open(cx: &Context<Shared>, image: &ImageReference) -> Result<RegistryImage, Diagnostic> {
    let shared = cx.data();
    let credentials = shared.credentials.find(&shared.aws, image).await?;
    Ok(shared.client.image(image.clone(), credentials))
}
