//! The resource `soci_index_builder`: Lambda functions that index images as they are pushed.
//!
//! A builder is a reconciler. The state requested by its [arguments] is [desired](parts::Desired),
//! the state in AWS is [observed](parts::Observed). Create and update observe the [parts] and
//! change what differs. A refresh copies the observed values into the arguments, and reports other
//! differences as lines of `drift`.
//!
//! ```text
//! arguments ──► desired ─┐
//!                        ├─► differences ─► apply: create, change, tag
//! AWS ──► observed ──────┘               └► refresh: arguments, drift
//! ```

mod action;
mod arguments;
mod backfill;
mod checks;
mod environment;
mod list;
mod names;
mod network;
mod owner;
mod part;
mod parts;
mod pattern;
mod plan;
mod policy;
mod private_state;
mod refresh;
mod schema;
mod state;
mod sweep;
mod tags;
mod validate;

use std::time::Duration;

use tfplugin_sdk::{
    Context, Create, Diagnostic, Diagnostics, Failure, Plan, Resource, Schema, Update, Value,
    async_trait, timeouts,
};

use crate::aws::is_region;
use crate::shared::{CallContext, Session, Shared};
pub(crate) use action::Sweep;
use arguments::{Arguments, DEFAULT_BUS};
pub(crate) use list::Builders;
use owner::Owner;
use parts::{Observed, Parts};
use private_state::PrivateState;

/// The resource `soci_index_builder`.
pub(crate) struct IndexBuilder;

/// Long enough for the network interfaces of a VPC.
const LONG_TIMEOUT: Duration = Duration::from_secs(30 * 60);
const SHORT_TIMEOUT: Duration = Duration::from_secs(10 * 60);

#[async_trait]
impl Resource<Shared> for IndexBuilder {
    fn type_name(&self) -> &str {
        "soci_index_builder"
    }

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        validate::validate(config)
    }

    async fn modify_plan(&self, cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
        Ok(plan::modify(cx, plan).await?)
    }

    async fn create(&self, cx: &Context<Shared>, request: Create) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "create", LONG_TIMEOUT)?;
        let arguments = Arguments::read(&request.planned)?;
        let session = open(cx, limit, &request.planned).await?;
        let parts = name_parts(&session, &arguments);
        let observed = parts.observe(&session).await?;
        let owner = Owner::of_new(&parts, &observed, &arguments)?;
        let (state, desired) =
            state::applied(&session, &parts, &arguments, &owner, request.planned)?;
        let private = PrivateState {
            owner: Some(owner),
            ..PrivateState::default()
        };
        private.save(cx);
        if arguments.index_existing {
            backfill::request(cx);
        }
        // From here on, some parts exist.
        cx.checkpoint(&state);
        parts.apply(&session, &desired, observed).await?;
        complete(cx);
        backfill::run(&session, &arguments).await;
        Ok(state)
    }

    async fn read(&self, cx: &Context<Shared>, state: Value) -> Result<Option<Value>, Diagnostics> {
        let limit = timeouts::get(&state, "read", SHORT_TIMEOUT)?;
        let session = open(cx, limit, &state).await?;
        Ok(refresh::refresh(&session, state).await?)
    }

    async fn update(&self, cx: &Context<Shared>, request: Update) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "update", LONG_TIMEOUT)?;
        let before = Arguments::read(&request.prior)?;
        let arguments = Arguments::read(&request.planned)?;
        let session = open(cx, limit, &request.planned).await?;
        let (mut parts, old) = (
            name_parts(&session, &arguments),
            name_parts(&session, &before),
        );
        parts.table = parts.table.or(old.table);
        let observed = parts.observe(&session).await?;
        let owner = owner_of(cx, &parts, &observed, &arguments.name);
        let same_bus = before.event_bus_name == arguments.event_bus_name;
        let old_rule = (!same_bus).then_some(old.rule);
        let observed_old = match &old_rule {
            Some(rule) => part::observe(&session, rule).await?,
            None => None,
        };
        let mut existing = parts.existing(&observed);
        if let Some(rule) = &old_rule {
            existing.extend(part::existing(rule, &observed_old));
        }
        owner.check(&arguments.name, &existing)?;
        let (state, desired) =
            state::applied(&session, &parts, &arguments, &owner, request.planned)?;
        if !arguments.index_existing {
            backfill::dismiss(cx);
        } else if backfill::is_needed(&before, &arguments) {
            backfill::request(cx);
        }
        parts.apply(&session, &desired, observed).await?;
        if let Some(rule) = &old_rule {
            part::delete(&session, rule).await?;
        }
        complete(cx);
        backfill::run(&session, &arguments).await;
        Ok(state)
    }

    async fn delete(&self, cx: &Context<Shared>, state: Value) -> Result<(), Failure> {
        let limit = timeouts::get(&state, "delete", LONG_TIMEOUT)?;
        let arguments = Arguments::read(&state)?;
        let session = open(cx, limit, &state).await?;
        let parts = name_parts(&session, &arguments);
        let observed = parts.observe(&session).await?;
        let owner = owner_of(cx, &parts, &observed, &arguments.name);
        owner.check(&arguments.name, &parts.existing(&observed))?;
        let keep_logs = arguments.log_skip_destroy;
        Ok(parts.delete(&session, &observed, keep_logs).await?)
    }

    async fn import_state(&self, _: &Context<Shared>, id: &str) -> Result<Value, Diagnostics> {
        let (place, region) = match id.rsplit_once('@') {
            Some((place, region)) => (place, Some(region)),
            None => (id, None),
        };
        // Names of partner event buses contain slashes.
        let (bus, name) = place.rsplit_once('/').unwrap_or((DEFAULT_BUS, place));
        if names::is_valid(name) && !bus.is_empty() && region.is_none_or(is_region) {
            return Ok(Value::object([
                ("name", name.into()),
                ("event_bus_name", bus.into()),
                ("region", region.into()),
            ]));
        }
        let detail = format!(
            "Got {id:?}, want [BUS/]NAME[@REGION], such as \"soci-index-builder\"; with the bus \
             if the rule is not on the event bus \"default\", such as \
             \"images/soci-index-builder\", and with the region if that is not the \
             provider's, such as \"soci-index-builder@eu-west-1\"."
        );
        Err(Diagnostic::error("Invalid import ID", detail).into())
    }

    async fn import_identity(
        &self,
        cx: &Context<Shared>,
        state: Value,
    ) -> Result<Value, Diagnostics> {
        let name = state.get("name").as_str().unwrap_or_default();
        let region = state.get("region").as_str();
        let region = region.map(|region| format!("@{region}"));
        let id = format!("{name}{}", region.unwrap_or_default());
        self.import_state(cx, &id).await
    }
}

/// Returns the owner stored in the state, or the one that the parts name if the state does not have
/// one yet.
fn owner_of(cx: &Context<Shared>, parts: &Parts, observed: &Observed, name: &str) -> Owner {
    let kept = PrivateState::load(cx).owner;
    let owner = kept.unwrap_or_else(|| Owner::found(&parts.existing(observed), name));
    PrivateState::update(cx, |state| state.owner = Some(owner.clone()));
    owner
}

/// Records that all parts are as desired.
fn complete(cx: &Context<Shared>) {
    PrivateState::update(cx, |state| {
        if let Some(owner) = &mut state.owner {
            owner.has_all();
        }
    });
}

/// Opens the clients in the region of a state.
async fn open<'a>(
    cx: &'a Context<Shared>,
    limit: Duration,
    state: &Value,
) -> Result<Session<'a>, Diagnostic> {
    let region = state.get("region").as_str();
    Session::open(CallContext::new(cx, limit), &cx.data().aws, region).await
}

fn name_parts(session: &Session<'_>, arguments: &Arguments) -> Parts {
    Parts::new(arguments, &session.account)
}
