//! The computed attributes of a builder.

use tfplugin_sdk::{Diagnostic, Value};

use super::arguments::Arguments;
use super::names;
use super::owner::Owner;
use super::parts::{Desired, Parts};
use super::tags::{self, DesiredTags};
use crate::aws::{Account, IgnoredTags};
use crate::bundle::{Bundle, Function, bundle};
use crate::shared::Session;

/// Returns the names derived from the builder's name, by attribute.
pub(super) fn names_of(name: &str) -> [(&'static str, String); 8] {
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
        ("sweep_rule_name", names::sweep_rule(name)),
        ("ztoc_table_name", names::table(name)),
    ]
}

/// Sets the names and ARNs of all parts.
pub(super) fn set_names(
    state: &mut Value,
    parts: &Parts,
    arguments: &Arguments,
    account: &Account,
) {
    for (attribute, name) in names_of(&arguments.name) {
        state.set(attribute, name);
    }
    state.set("region", &account.region);
    let Parts {
        filter,
        generator,
        rule,
        sweep,
        table: _, // named even where there is none
    } = parts;
    for (prefix, unit) in [("event_filter", filter), ("index_generator", generator)] {
        let role_arn = account.role_arn(&arguments.role_path, &unit.role.name);
        state.set(format!("{prefix}_function_arn"), &unit.function.arn);
        state.set(format!("{prefix}_role_name"), &unit.role.name);
        state.set(format!("{prefix}_role_arn"), role_arn);
        state.set(format!("{prefix}_log_group_arn"), &unit.log_group.arn);
    }
    state.set("rule_arn", &rule.arn);
    state.set("sweep_rule_arn", &sweep.arn);
    let table = names::table(&arguments.name);
    state.set("ztoc_table_arn", account.table_arn(&table));
}

/// Returns the attribute `code_sha256` for a bundle.
pub(super) fn code_of(bundle: &Bundle, architecture: &str) -> Value {
    let hash = |function| bundle.zip(function, architecture).map(|zip| zip.sha256);
    Value::object([
        ("event_filter", hash(Function::EventFilter).into()),
        ("index_generator", hash(Function::IndexGenerator).into()),
    ])
}

/// Returns the state after an apply, and the parts that the apply must produce
/// for it.
pub(super) fn applied(
    session: &Session<'_>,
    parts: &Parts,
    arguments: &Arguments,
    owner: &Owner,
    planned: Value,
) -> Result<(Value, Desired), Diagnostic> {
    let account = &session.account;
    let bundle = bundle_for(bundle(), arguments.architecture())?;
    // Both are known during an apply.
    let aws = &session.call.cx.data().aws;
    let defaults = aws.default_tags().cloned().unwrap_or_default();
    let ignored = aws.ignored_tags().cloned();
    let ignored = ignored.unwrap_or_else(IgnoredTags::every);
    let tags = tags::all(arguments.tags.as_ref(), &defaults);
    let mut state = planned;
    state.set("tags_all", tags::without_ignored(tags.clone(), &ignored));
    let tags = DesiredTags::new(tags, owner.tag(&arguments.name), ignored);
    let desired = Desired::new(parts, arguments, account, tags);
    set_names(&mut state, parts, arguments, account);
    state.set("event_pattern", desired.rule.pattern());
    state.set("bundle_version", bundle.version());
    state.set("code_sha256", code_of(bundle, arguments.architecture()));
    state.set("drift", Vec::<String>::new());
    Ok((state, desired))
}

/// Returns the bundle if it has functions for the architecture.
pub(super) fn bundle_for(
    bundle: Option<&'static Bundle>,
    architecture: &str,
) -> Result<&'static Bundle, Diagnostic> {
    let Some(bundle) = bundle else {
        return Err(Diagnostic::error(
            "Provider without functions",
            "This provider was built without the Lambda functions that a builder deploys. Use a \
             released version, or build it with them: `make build`.",
        ));
    };
    let has = bundle.architectures();
    if has.contains(&architecture) {
        return Ok(bundle);
    }
    let all: Vec<String> = has.iter().map(|name| format!("{name:?}")).collect();
    let detail = format!(
        "This provider has no functions for {architecture:?}, only for {}: choose one of these.",
        all.join(", ")
    );
    Err(Diagnostic::error("Architecture not available", detail).at("architectures"))
}
