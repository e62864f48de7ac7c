//! The resource `soci_index_builder`: Lambda functions that index images as they are pushed.
//!
//! A builder has many parts in AWS, and all of them follow from its arguments: the
//! [blueprint](blueprint::Blueprint). Creating and updating are one: look at what there is, and
//! make the rest so. A refresh is the same comparison; what differs shows in the attribute it
//! belongs to, or else as a line of `drift`.

mod attributes;
mod blueprint;
mod checks;
mod existing;
mod function;
mod log_group;
mod names;
mod parts;
mod pattern;
mod policy;
mod role;
mod rule;
mod settings;
mod state;

use std::time::Duration;

use tfplugin_sdk::{
    AttributePath, Context, Create, Diagnostic, Diagnostics, Failure, Plan, Resource, Schema,
    Update, Value, async_trait, timeouts,
};

use crate::bundle::bundle;
use crate::shared::{CallContext, Session, Shared};
use blueprint::{Blueprint, bundle_for};
use settings::{Settings, all_tags, part_tags};

/// The resource `soci_index_builder`.
pub(crate) struct IndexBuilder;

/// Long enough for a VPC's network interfaces, and for some hundred existing images.
const LONG_TIMEOUT: Duration = Duration::from_secs(30 * 60);
const SHORT_TIMEOUT: Duration = Duration::from_secs(10 * 60);

#[async_trait]
impl Resource<Shared> for IndexBuilder {
    fn type_name(&self) -> &str {
        "soci_index_builder"
    }

    fn schema(&self) -> Schema {
        attributes::schema()
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        checks::whole(config)
    }

    async fn modify_plan(&self, cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
        let aws = &cx.data().aws;
        let tags = if aws.default_tags_unknown() {
            Value::Unknown
        } else {
            all_tags(plan.planned().get("tags"), aws.default_tags())
        };
        checks::all_tags(&tags)?;
        plan.set("tags_all", tags);
        plan.set("drift", Vec::<String>::new());
        plan_code(plan)?;
        plan_pattern(plan);
        plan_parts(plan);
        Ok(())
    }

    async fn create(&self, cx: &Context<Shared>, request: Create) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "create", LONG_TIMEOUT)?;
        let settings = Settings::read(&request.planned)?;
        let session = Session::open(CallContext::new(cx, limit), &cx.data().aws).await?;
        let (state, blueprint) = applied(&session, &settings, request.planned)?;
        let found = parts::find(&session, &blueprint).await?;
        parts::check_owner(&blueprint, &found, &settings.name)?;
        if indexes_existing(&state) {
            existing::request(cx);
        }
        // From here on, some of it stands.
        cx.checkpoint(&state);
        parts::ensure(&session, &blueprint, found).await?;
        existing::send(&session, &settings).await;
        Ok(state)
    }

    async fn read(&self, cx: &Context<Shared>, state: Value) -> Result<Option<Value>, Diagnostics> {
        let limit = timeouts::get(&state, "read", SHORT_TIMEOUT)?;
        let session = Session::open(CallContext::new(cx, limit), &cx.data().aws).await?;
        Ok(state::refresh(&session, cx, state).await?)
    }

    async fn update(&self, cx: &Context<Shared>, request: Update) -> Result<Value, Failure> {
        let limit = timeouts::get(&request.config, "update", LONG_TIMEOUT)?;
        let settings = Settings::read(&request.planned)?;
        let session = Session::open(CallContext::new(cx, limit), &cx.data().aws).await?;
        let (state, blueprint) = applied(&session, &settings, request.planned)?;
        if !indexes_existing(&state) {
            existing::dismiss(cx);
        } else if matches_others(&request.prior, &state) {
            existing::request(cx);
        }
        let found = parts::find(&session, &blueprint).await?;
        parts::ensure(&session, &blueprint, found).await?;
        let bus = request.prior.get("event_bus_name").as_str();
        if let Some(before) = bus.filter(|before| *before != settings.event_bus_name) {
            rule::delete(&session, before, &blueprint.rule.name).await?;
        }
        existing::send(&session, &settings).await;
        Ok(state)
    }

    async fn delete(&self, cx: &Context<Shared>, state: Value) -> Result<(), Failure> {
        let limit = timeouts::get(&state, "delete", LONG_TIMEOUT)?;
        let settings = Settings::read(&state)?;
        let session = Session::open(CallContext::new(cx, limit), &cx.data().aws).await?;
        let tags = part_tags(&state, &settings.name);
        let blueprint = Blueprint::new(&settings, &session.account, None, &tags);
        Ok(parts::delete(&session, &blueprint).await?)
    }

    async fn import_state(&self, _: &Context<Shared>, id: &str) -> Result<Value, Diagnostics> {
        // The bus of a partner has slashes in its name.
        let (bus, name) = id.rsplit_once('/').unwrap_or((settings::DEFAULT_BUS, id));
        let state = Value::object([("name", name.into()), ("event_bus_name", bus.into())]);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let good = (1..=names::MAX_NAME).contains(&name.len()) && name.chars().all(allowed);
        if good && !bus.is_empty() {
            return Ok(state);
        }
        let detail = format!(
            "Got {id:?}. Want the builder's name, such as \"soci-index-builder\"; for one whose \
             rule is on another bus than \"default\", the bus and the name, such as \
             \"images/soci-index-builder\"."
        );
        Err(Diagnostic::error("Invalid import id", detail).into())
    }

    async fn import_identity(
        &self,
        cx: &Context<Shared>,
        state: Value,
    ) -> Result<Value, Diagnostics> {
        let name = state.get("name").as_str().unwrap_or_default();
        self.import_state(cx, name).await
    }
}

/// The functions come with the provider, so that a plan knows what will be deployed.
fn plan_code(plan: &mut Plan) -> Result<(), Diagnostic> {
    let path = AttributePath::from("architectures").index(0);
    let architecture = plan.planned().at(&path).as_str().map(str::to_owned);
    let Some(architecture) = architecture else {
        plan.set_unknown("bundle_version");
        plan.set_unknown("code_sha256");
        return Ok(());
    };
    let bundle = bundle_for(bundle(), &architecture)?;
    plan.set("bundle_version", bundle.version());
    plan.set("code_sha256", state::code_of(bundle, &architecture));
    Ok(())
}

fn plan_pattern(plan: &mut Plan) {
    let planned = plan.planned();
    let filters: Option<Vec<String>> = planned.get("repository_image_tag_filters").to().ok();
    let suffix = planned.get("tag_suffix").as_str();
    let version = planned.get("index_version").as_str();
    let (Some(filters), Some(suffix), Some(version)) = (filters, suffix, version) else {
        plan.set_unknown("event_pattern");
        return;
    };
    let settings = Settings {
        repository_image_tag_filters: filters,
        tag_suffix: suffix.to_owned(),
        index_version: version.to_owned(),
        ..Settings::new("")
    };
    plan.set("event_pattern", pattern::pattern(&settings));
}

/// Names follow from the builder's. ARNs need the account too, which the plan does not ask for.
fn plan_parts(plan: &mut Plan) {
    if plan.is_create() {
        if let Some(name) = plan.planned().get("name").as_str().map(str::to_owned) {
            for (attribute, name) in state::names_of(&name) {
                plan.set(attribute, name);
            }
        }
        return;
    }
    let bus = |value: &Value| value.get("event_bus_name").clone();
    if plan
        .prior()
        .is_some_and(|prior| bus(prior) != bus(plan.planned()))
    {
        plan.set_unknown("rule_arn");
    }
}

/// The state after an apply of what was planned, and what is to be made.
fn applied(
    session: &Session<'_>,
    settings: &Settings,
    planned: Value,
) -> Result<(Value, Blueprint), Diagnostic> {
    let bundle = bundle_for(bundle(), settings.architecture())?;
    let mut state = planned;
    let tags = all_tags(state.get("tags"), session.call.cx.data().aws.default_tags());
    state.set("tags_all", tags);
    let tags = part_tags(&state, &settings.name);
    let blueprint = Blueprint::new(settings, &session.account, Some(bundle), &tags);
    state::set_parts(&mut state, settings, &session.account, &blueprint);
    state.set("event_pattern", &blueprint.rule.pattern);
    state.set("bundle_version", bundle.version());
    state.set(
        "code_sha256",
        state::code_of(bundle, settings.architecture()),
    );
    state.set("drift", Vec::<String>::new());
    Ok((state, blueprint))
}

fn indexes_existing(state: &Value) -> bool {
    state.get("index_existing").as_bool() == Some(true)
}

/// Whether other images match than before, or get other indexes.
fn matches_others(prior: &Value, state: &Value) -> bool {
    let changed = |name: &str| prior.get(name) != state.get(name);
    !indexes_existing(prior)
        || changed("repository_image_tag_filters")
        || changed("index_version")
        || changed("tag_suffix")
}
