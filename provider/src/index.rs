//! The resource and the data source `soci_index`: the SOCI index of one image.

mod action;
mod apply;
mod attributes;
mod build;
mod claims;
mod data_source;
mod exported;
mod import;
mod list;
mod plan;
mod private_state;
mod publish;
mod read;
mod refresh;
mod registry;
mod remembered;
mod remove;
mod seen_options;
mod settings;
mod validate;
mod warnings;

use std::time::Duration;

use tfplugin_sdk::{
    Context, Create, Diagnostics, Failure, Plan, Resource, Schema, Update, Value, async_trait,
    timeouts,
};

use crate::shared::{CallContext, Shared};
pub(crate) use action::BuildIndex;
use apply::Operation;
use build::Build;
pub(crate) use data_source::IndexData;
pub(crate) use list::Indexes;
use private_state::PrivateState;

/// The resource `soci_index`.
pub(crate) struct Index;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// Time limit for operations that make a few requests and read no layers.
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
        validate::across_arguments(config)
    }

    async fn modify_plan(&self, cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
        plan::modify(cx, plan)?;
        Ok(plan::look(cx, plan).await?)
    }

    async fn create(&self, cx: &Context<Shared>, request: Create) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "create", DEFAULT_TIMEOUT)?;
        let call = CallContext::new(cx, limit);
        // The call's private state may belong to the resource that this one
        // replaces.
        let private = PrivateState::new();
        apply::apply(&call, request.planned, private, Operation::Create).await
    }

    async fn read(&self, cx: &Context<Shared>, state: Value) -> Result<Option<Value>, Diagnostics> {
        let limit = timeouts::get(&state, "read", SHORT_TIMEOUT)?;
        read::read(&CallContext::new(cx, limit), state).await
    }

    async fn update(&self, cx: &Context<Shared>, request: Update) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "update", DEFAULT_TIMEOUT)?;
        let call = CallContext::new(cx, limit);
        let private = PrivateState::load(cx, &request.prior);
        let state = apply::apply(&call, request.planned, private, Operation::Update).await?;
        let call = CallContext::new(cx, SHORT_TIMEOUT);
        remove::remove_superseded(&call, &state).await?;
        Ok(state)
    }

    async fn delete(&self, cx: &Context<Shared>, state: Value) -> Result<(), Failure> {
        let limit = timeouts::get(&state, "delete", SHORT_TIMEOUT)?;
        if state.get("keep_on_destroy").as_bool() == Some(true) {
            return Ok(());
        }
        let private = PrivateState::load(cx, &state);
        let imported = || Build::imported(&state);
        let mut builds = private.others;
        builds.extend(private.current.or_else(imported));
        let call = CallContext::new(cx, limit);
        remove::remove(&call, &private.resource, &builds, &[]).await?;
        Ok(())
    }

    async fn import_state(&self, _: &Context<Shared>, id: &str) -> Result<Value, Diagnostics> {
        Ok(import::parse(id)?)
    }

    async fn import_identity(
        &self,
        _: &Context<Shared>,
        state: Value,
    ) -> Result<Value, Diagnostics> {
        let part = |name| state.get(name).as_str();
        let (version, image) = (part("index_version"), part("image"));
        let mut id = format!(
            "{}/{}",
            version.unwrap_or_default(),
            image.unwrap_or_default()
        );
        if let Some(tag) = part("tag") {
            id.push(',');
            id.push_str(tag);
        }
        Ok(import::parse(&id)?)
    }
}
