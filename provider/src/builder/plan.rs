//! The plan of a builder: computed attributes that are known before an apply.

use std::collections::BTreeSet;

use tfplugin_sdk::{AttributePath, Context, Diagnostic, Plan, Value};

use super::arguments::{parse_filters, scope};
use super::owner::Owner;
use super::private_state::PrivateState;
use super::{checks, pattern, state, tags};
use crate::bundle::bundle;
use crate::shared::Shared;

/// Plans the computed attributes.
///
/// # Errors
/// If the tags are invalid in combination with the provider's, another resource plans a builder
/// with the same name, or the provider has no functions for the architecture.
pub(super) async fn modify(cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostic> {
    region(cx, plan).await;
    let aws = &cx.data().aws;
    let configured = plan.planned().get("tags");
    let defaults = aws.default_tags();
    let all = defaults.and_then(|defaults| tags::planned(configured, defaults));
    if let Some(all) = &all {
        checks::all_tags(all)?;
    }
    one_resource(cx, plan)?;
    match (all, aws.ignored_tags()) {
        (Some(all), Some(ignored)) => plan.set("tags_all", tags::without_ignored(all, ignored)),
        _ => plan.set_unknown("tags_all"),
    }
    plan.set("drift", Vec::<String>::new());
    code(plan)?;
    event_pattern(plan);
    names(plan);
    Ok(())
}

/// Plans the region, by default the provider's. As long as that is not known, the builder stays
/// where it is.
async fn region(cx: &Context<Shared>, plan: &mut Plan) {
    if !plan.config().get("region").is_null() {
        return;
    }
    let prior = plan.prior().and_then(|prior| prior.get("region").as_str());
    let prior = prior.map(str::to_owned);
    let default = cx.data().aws.region().await.ok().flatten();
    match default.or(prior) {
        Some(region) => plan.set("region", region),
        None => plan.set_unknown("region"),
    }
}

/// Rejects a second resource for a builder with the same name.
fn one_resource(cx: &Context<Shared>, plan: &Plan) -> Result<(), Diagnostic> {
    let Some(name) = plan.planned().get("name").as_str() else {
        return Ok(());
    };
    let owner = PrivateState::load(cx).owner;
    if plan.prior().is_some() && owner.is_none() {
        // The next refresh will show which resource this is.
        return Ok(());
    }
    let resource = owner.as_ref().map(Owner::resource);
    let region = plan.planned().get("region").as_str().unwrap_or_default();
    let builder = format!("{name}@{region}");
    if !cx.data().planned_builders.plan(&builder, resource) {
        return Ok(());
    }
    let detail = format!(
        "Two resources in this configuration are named {name:?}. Each builder needs a unique name \
         in its account and region: change the name of one of them."
    );
    Err(Diagnostic::error("Two builders with the same name", detail).at("name"))
}

/// Plans the code to be deployed, which is known because the functions are embedded in the
/// provider.
fn code(plan: &mut Plan) -> Result<(), Diagnostic> {
    let path = AttributePath::from("architectures").index(0);
    let Some(architecture) = plan.planned().at(&path).as_str().map(str::to_owned) else {
        plan.set_unknown("bundle_version");
        plan.set_unknown("code_sha256");
        return Ok(());
    };
    let bundle = state::bundle_for(bundle(), &architecture)?;
    plan.set("bundle_version", bundle.version());
    plan.set("code_sha256", state::code_of(bundle, &architecture));
    Ok(())
}

fn event_pattern(plan: &mut Plan) {
    let planned = plan.planned();
    let list = |name| -> Option<Vec<String>> { planned.get(name).to().ok() };
    let filters = list("repository_image_tag_filters");
    let excluded = list("excluded_image_tag_filters");
    let version = planned.get("index_version").as_str();
    let suffix = planned.get("tag_suffix").as_str();
    let sources: Option<BTreeSet<String>> = planned.get("sources").to().ok();
    let (Some(filters), Some(excluded), Some(sources)) = (filters, excluded, sources) else {
        plan.set_unknown("event_pattern");
        return;
    };
    let deletions = planned.get("delete_with_source").as_bool();
    let (Some(version), Some(suffix), Some(deletions)) = (version, suffix, deletions) else {
        plan.set_unknown("event_pattern");
        return;
    };
    let pattern = pattern::pattern(
        &parse_filters(&filters),
        &parse_filters(&excluded),
        &scope(&sources, version, suffix),
        deletions,
    );
    plan.set("event_pattern", pattern);
}

/// Plans the names, which are derived from the builder's. ARNs need the account, which is not
/// looked up during a plan.
fn names(plan: &mut Plan) {
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
