//! The state of a builder: what it says after an apply, and what a refresh finds.

use std::collections::BTreeMap;

use lambda::environment;
use tfplugin_sdk::{Context, Diagnostic, Value};

use super::blueprint::{Blueprint, Half};
use super::existing;
use super::names;
use super::parts::{self, Found, FoundHalf};
use super::rule::same_pattern;
use super::settings::{Settings, part_tags};
use crate::aws::Account;
use crate::bundle::{Bundle, Function, bundle};
use crate::shared::Session;
use crate::shared::Shared;

/// The names that need no account.
pub(super) fn names_of(name: &str) -> [(&'static str, String); 6] {
    let (filter, generator) = (Function::EventFilter, Function::IndexGenerator);
    [
        ("id", name.to_owned()),
        ("event_filter_function_name", names::function(name, filter)),
        (
            "event_filter_log_group_name",
            names::log_group(name, filter),
        ),
        (
            "index_generator_function_name",
            names::function(name, generator),
        ),
        (
            "index_generator_log_group_name",
            names::log_group(name, generator),
        ),
        ("rule_name", names::rule(name)),
    ]
}

/// Sets names and ARNs of all parts.
pub(super) fn set_parts(
    state: &mut Value,
    settings: &Settings,
    account: &Account,
    blueprint: &Blueprint,
) {
    for (attribute, name) in names_of(&settings.name) {
        state.set(attribute, name);
    }
    let Blueprint {
        filter,
        generator,
        rule,
    } = blueprint;
    for (prefix, half) in [("event_filter", filter), ("index_generator", generator)] {
        let role_arn = account.role_arn(&half.role.path, &half.role.name);
        state.set(format!("{prefix}_function_arn"), &half.function.arn);
        state.set(format!("{prefix}_role_name"), &half.role.name);
        state.set(format!("{prefix}_role_arn"), role_arn);
        state.set(format!("{prefix}_log_group_arn"), &half.log_group.arn);
    }
    state.set("rule_arn", &rule.arn);
}

/// The attribute `code_sha256` of a bundle.
pub(super) fn code_of(bundle: &Bundle, architecture: &str) -> Value {
    let hash = |function| bundle.zip(function, architecture).map(|zip| zip.sha256);
    Value::object([
        ("event_filter", hash(Function::EventFilter).into()),
        ("index_generator", hash(Function::IndexGenerator).into()),
    ])
}

/// What there is now, as a state; nothing if all of it is gone.
pub(super) async fn refresh(
    session: &Session<'_>,
    cx: &Context<Shared>,
    mut state: Value,
) -> Result<Option<Value>, Diagnostic> {
    let name = state.get("name").as_str().unwrap_or_default().to_owned();
    check_account(&state, &name, &session.account)?;
    let recorded = Settings::read(&state).ok();
    let mut seen = recorded.clone().unwrap_or_else(|| Settings::new(&name));
    if let Some(bus) = state.get("event_bus_name").as_str() {
        bus.clone_into(&mut seen.event_bus_name);
    }
    let plain = Blueprint::new(&seen, &session.account, None, &BTreeMap::new());
    let found = parts::find(session, &plain).await?;
    if !found.stands() {
        return Ok(None);
    }
    if recorded.is_none() {
        check_builder(&found, &name)?;
    }

    see(&mut seen, &found);
    seen.write(&mut state)?;
    see_tags(&mut state, &found, cx.data().aws.default_tags());
    let tags = part_tags(&state, &name);
    let mut want = Blueprint::new(&seen, &session.account, None, &tags);
    if let Some(recorded) = &recorded {
        // These follow from the filters: where somebody changed the filters alone, the filters
        // are what differs.
        let before = Blueprint::new(recorded, &session.account, None, &tags);
        want.filter.role = before.filter.role;
        want.generator.role = before.generator.role;
        want.rule.pattern = before.rule.pattern;
    }
    set_parts(&mut state, &seen, &session.account, &want);
    see_code(&mut state, &seen, &found);
    let pattern = found.rule.as_ref().map(|rule| &rule.pattern);
    let changed = pattern.filter(|pattern| !same_pattern(pattern, &want.rule.pattern));
    state.set("event_pattern", changed.unwrap_or(&want.rule.pattern));
    if state.get("index_existing").is_null() {
        state.set("index_existing", false);
    }
    let mut drift = drift(&want, &found);
    drift.extend(existing::outstanding(cx, &seen));
    state.set("drift", drift);
    Ok(Some(state))
}

/// What lives elsewhere would look as if it were gone.
fn check_account(state: &Value, name: &str, account: &Account) -> Result<(), Diagnostic> {
    let Some(arn) = state.get("index_generator_function_arn").as_str() else {
        return Ok(());
    };
    let now = account.function_arn(&names::function(name, Function::IndexGenerator));
    if arn == now {
        return Ok(());
    }
    let place = |arn: &str| {
        let parts: Vec<&str> = arn.split(':').collect();
        match parts.as_slice() {
            [_, _, _, region, account, ..] => format!("account {account}, region {region}"),
            _ => "an unknown place".to_owned(),
        }
    };
    let detail = format!(
        "The builder {name:?} was made in {}, but the provider is configured for {}. Configure \
         the provider for the former, for instance with an alias, or remove the builder from the \
         state to forget it: terraform state rm",
        place(arn),
        place(&now)
    );
    Err(Diagnostic::error("Builder is elsewhere", detail))
}

/// Not everything of such a name is a builder, when only a name is known.
fn check_builder(found: &Found, name: &str) -> Result<(), Diagnostic> {
    let of = |half: &FoundHalf, variable: &str| {
        let function = half.function.as_ref();
        function.is_some_and(|function| function.config.environment.contains_key(variable))
    };
    if of(&found.filter, environment::FILTERS) || of(&found.generator, environment::INDEX_VERSION) {
        return Ok(());
    }
    let detail = format!(
        "There are parts named as those of a builder {name:?} would be, but the functions {:?} \
         and {:?} are not there or have not a builder's environment. Check the name, the region \
         and the account.",
        names::function(name, Function::EventFilter),
        names::function(name, Function::IndexGenerator)
    );
    Err(Diagnostic::error("Not a builder", detail))
}

/// Takes over what has an attribute of its own, from what is there.
fn see(seen: &mut Settings, found: &Found) {
    if let Some(function) = &found.generator.function {
        let config = &function.config;
        seen.memory_size = config.memory_size;
        seen.timeout = config.timeout;
        seen.ephemeral_storage_size = config.ephemeral_storage_size;
        seen.architectures = vec![config.architecture.clone()];
        seen.kms_key_arn.clone_from(&config.kms_key_arn);
        seen.vpc_config.clone_from(&config.vpc);
        seen.tracing_mode.clone_from(&config.tracing_mode);
        if !config.logging.level.is_empty() {
            seen.log_level.clone_from(&config.logging.level);
        }
        seen.reserved_concurrent_executions = function.reserved;
        seen.maximum_retry_attempts = function.invoke.retries;
        seen.maximum_event_age_in_seconds = function.invoke.max_age;
        seen.on_failure_destination_arn
            .clone_from(&function.invoke.on_failure);
        let variable = |name: &str| config.environment.get(name);
        if let Some(version) = variable(environment::INDEX_VERSION) {
            seen.index_version.clone_from(version);
        }
        if let Some(suffix) = variable(environment::TAG_SUFFIX) {
            seen.tag_suffix.clone_from(suffix);
        }
        let number = |name| variable(name).and_then(|text| text.parse().ok());
        if let Some(size) = number(environment::SPAN_SIZE) {
            seen.span_size = size;
        }
        if let Some(size) = number(environment::MIN_LAYER_SIZE) {
            seen.min_layer_size = size;
        }
    }
    if let Some(function) = &found.filter.function
        && let Some(filters) = function.config.environment.get(environment::FILTERS)
    {
        let filters = filters.split(',').map(str::to_owned);
        seen.repository_image_tag_filters = filters.collect();
    }
    if let Some(role) = &found.generator.role {
        seen.permissions_boundary.clone_from(&role.boundary);
        seen.role_path.clone_from(&role.path);
    }
    if let Some(group) = &found.generator.log_group {
        seen.log_retention_in_days = group.retention;
        seen.log_kms_key_id.clone_from(&group.kms_key);
    }
}

/// The tags of the index generator stand for those of all parts; where it is gone, the state's.
fn see_tags(state: &mut Value, found: &Found, defaults: &BTreeMap<String, String>) {
    let functions = [&found.generator.function, &found.filter.function];
    let Some(function) = functions.into_iter().flatten().next() else {
        return;
    };
    let mut all = function.tags.clone();
    all.remove(names::OWNER_TAG);
    all.retain(|key, _| !key.starts_with("aws:"));
    let own = state.get("tags").clone();
    let written = own.as_map();
    let mut tags = all.clone();
    tags.retain(|key, value| {
        written.is_some_and(|own| own.contains_key(key)) || defaults.get(key) != Some(value)
    });
    state.set("tags_all", all);
    if !tags.is_empty() || !own.is_null() {
        state.set("tags", tags);
    }
}

fn see_code(state: &mut Value, seen: &Settings, found: &Found) {
    let hash = |half: &FoundHalf| half.function.as_ref().map(|f| f.code_sha256.clone());
    let code = Value::object([
        ("event_filter", hash(&found.filter).into()),
        ("index_generator", hash(&found.generator).into()),
    ]);
    if state.get("bundle_version").is_null()
        && let Some(bundle) = bundle()
        && code_of(bundle, seen.architecture()) == code
    {
        state.set("bundle_version", bundle.version());
    }
    state.set("code_sha256", code);
}

/// What is not as it should be and has no attribute of its own.
fn drift(want: &Blueprint, found: &Found) -> Vec<String> {
    let mut lines = Vec::new();
    for (half, found) in [
        (&want.filter, &found.filter),
        (&want.generator, &found.generator),
    ] {
        drift_of(half, found, &mut lines);
    }
    let mut add = |what: Vec<String>| {
        let name = &want.rule.name;
        lines.extend(
            what.into_iter()
                .map(|what| format!("rule {name:?}: {what}")),
        );
    };
    match &found.rule {
        None => add(vec!["missing".to_owned()]),
        Some(rule) => {
            add(rule.differences(&want.rule));
            add(tags_changed(&rule.tags, &want.rule.tags));
        }
    }
    lines
}

fn drift_of(want: &Half, found: &FoundHalf, lines: &mut Vec<String>) {
    let mut add = |kind: &str, name: &str, what: Vec<String>| {
        lines.extend(
            what.into_iter()
                .map(|what| format!("{kind} {name:?}: {what}")),
        );
    };
    let missing = || vec!["missing".to_owned()];

    let (kind, name) = ("log group", &want.log_group.name);
    match &found.log_group {
        None => add(kind, name, missing()),
        Some(group) => {
            let mut what = tags_changed(&group.tags, &want.log_group.tags);
            if group.retention != want.log_group.retention {
                what.push("retention changed".to_owned());
            }
            if group.kms_key != want.log_group.kms_key {
                what.push("KMS key changed".to_owned());
            }
            add(kind, name, what);
        }
    }
    let (kind, name) = ("role", &want.role.name);
    match &found.role {
        None => add(kind, name, missing()),
        Some(role) => {
            let mut what = role.differences(&want.role);
            what.extend(tags_changed(&role.tags, &want.role.tags));
            add(kind, name, what);
        }
    }
    let (kind, name) = ("function", &want.function.name);
    match &found.function {
        None => add(kind, name, missing()),
        Some(function) => {
            let mut what = function.differences(&want.function);
            what.extend(tags_changed(&function.tags, &want.function.tags));
            add(kind, name, what);
        }
    }
}

fn tags_changed(is: &BTreeMap<String, String>, want: &BTreeMap<String, String>) -> Vec<String> {
    let own = |tags: &BTreeMap<String, String>| {
        let mut tags = tags.clone();
        // AWS's own, of CloudFormation for instance, cannot be changed.
        tags.retain(|key, _| !key.starts_with("aws:"));
        tags
    };
    let changed = own(is) != own(want);
    changed
        .then(|| "tags changed".to_owned())
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests;
