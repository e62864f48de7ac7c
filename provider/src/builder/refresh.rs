//! Refresh, which updates the state to match what is observed.
//!
//! Observations with an attribute are copied into it. Those without one are compared with what the
//! attributes imply, and differences appear as lines of `drift`.

use std::collections::BTreeSet;

use lambda::completion::is_bus_name;
use lambda::{environment, source};
use tfplugin_sdk::{Context, Diagnostic, Value};

use super::arguments::{Arguments, DEFAULT_BUS, VpcConfig, with_arguments};
use super::owner::Owner;
use super::part::function::permission::{Permission, STATEMENT};
use super::part::role::POLICY;
use super::part::rule::is_same_pattern;
use super::parts::{Desired, Observed, ObservedUnit, Parts};
use super::private_state::PrivateState;
use super::tags::{self, ConfiguredTags, DesiredTags, Tags};
use super::{backfill, part, policy, state};
use crate::aws::{Account, IgnoredTags};
use crate::bundle::bundle;
use crate::shared::{Session, Shared};

/// Where a refresh finds the value of an argument.
enum Source<T> {
    /// AWS has it, unless the part that would have it is missing.
    Aws(fn(&Observation<'_>) -> Option<T>),
    /// AWS does not have it, for the given reason, so the state's value is kept.
    Kept(&'static str),
}
use Source::{Aws, Kept};

/// Reads from the table of arguments where a refresh finds each of them.
macro_rules! sources {
    ($(
        $(#[doc = $line:literal])+
        $name:ident: $type:ty = $default:expr => {
            schema: $schema:expr,
            refresh: $source:expr,
        }
    )+) => {
        impl Arguments {
            /// Returns the arguments as they are in AWS, or unchanged if AWS does not have them.
            fn refreshed(&self, seen: &Observation<'_>) -> Self {
                Self { $($name: match $source {
                    Source::<$type>::Aws(observe) => observe(seen),
                    Source::<$type>::Kept(reason) => {
                        tracing::trace!(reason, "{} is kept", stringify!($name));
                        None
                    }
                }.unwrap_or_else(|| self.$name.clone()),)+ }
            }

            /// Returns the reason why a refresh does not find an argument.
            #[cfg(test)]
            fn reason_kept(name: &str) -> Option<&'static str> {
                match name {
                    $(stringify!($name) => match $source {
                        Source::<$type>::Aws(_) => None,
                        Source::<$type>::Kept(reason) => Some(reason),
                    },)+
                    _ => None,
                }
            }
        }
    };
}
with_arguments!(sources);

/// The facts from which arguments are refreshed.
struct Observation<'a> {
    parts: &'a Observed,
    /// The arguments in the state.
    recorded: &'a Arguments,
    /// The provider's `default_tags`.
    default_tags: &'a Tags,
    /// The provider's `ignore_tags`.
    ignored_tags: &'a IgnoredTags,
}

/// Returns the state after a refresh, or `None` if nothing of the builder is left.
pub(super) async fn refresh(
    session: &Session<'_>,
    mut state: Value,
) -> Result<Option<Value>, Diagnostic> {
    let (cx, account) = (session.call.cx, &session.account);
    let imported = state.get("id").is_null();
    let mut recorded = Arguments::read(&state)?;
    let mut parts = Parts::new(&recorded, account);
    check_account(&state, &parts, &recorded.name)?;
    let mut observed = parts.observe(session).await?;
    if imported && let Some(bus) = other_bus(&parts, &observed, account) {
        recorded.event_bus_name = bus;
        parts = Parts::new(&recorded, account);
        observed.rule = part::observe(session, &parts.rule).await?;
    }
    if !observed.stands() {
        return Ok(None);
    }
    let Some(owner) = own(cx, &parts, &observed, &recorded.name) else {
        return Ok(None);
    };
    if imported {
        check_is_builder(&parts, &observed, &recorded.name)?;
    }

    // Parts of the provider configuration that are not known yet are taken from the last apply. As
    // long as the ignored tags are not known, no tag is reported.
    let aws = &cx.data().aws;
    let recorded_all: Tags = state.get("tags_all").to().unwrap_or_default();
    let defaults = aws
        .default_tags()
        .cloned()
        .unwrap_or_else(|| tags::applied_defaults(recorded_all.clone(), recorded.tags.as_ref()));
    let ignored = aws.ignored_tags().cloned();
    let ignored = ignored.unwrap_or_else(IgnoredTags::every);
    let arguments = recorded.refreshed(&Observation {
        parts: &observed,
        recorded: &recorded,
        default_tags: &defaults,
        ignored_tags: &ignored,
    });
    arguments.write(&mut state);
    // Without any function, the tags are still those of the state.
    let tags = match observed.tags() {
        Some(tags) if aws.ignored_tags().is_some() => tags::without_ignored(tags, &ignored),
        _ => recorded_all,
    };
    state.set("tags_all", tags.clone());
    let tags = DesiredTags::new(tags, owner.tag(&recorded.name), ignored);
    // If only one part was changed, that part is the one that differs: others derived from the same
    // arguments are compared with the recorded ones.
    let recorded = if imported { &arguments } else { &recorded };
    let desired = Desired::derived(&parts, &arguments, recorded, account, tags);

    state::set_names(&mut state, &parts, &arguments, account);
    set_code(&mut state, &arguments, &observed);
    let wanted = desired.rule.pattern();
    let pattern = observed.rule.as_ref().map(|rule| rule.properties.pattern());
    let pattern = pattern.filter(|pattern| !is_same_pattern(pattern, wanted));
    state.set("event_pattern", pattern.unwrap_or(wanted));
    let mut drift = parts.drift(&desired, &observed);
    drift.extend(backfill::outstanding(cx, &arguments));
    state.set("drift", drift);
    Ok(Some(state))
}

/// Returns the owner of the parts, which is stored in the state from then on. Returns `None` if
/// everything under the names of this builder belongs to another resource.
fn own(cx: &Context<Shared>, parts: &Parts, observed: &Observed, name: &str) -> Option<Owner> {
    let existing = parts.existing(observed);
    let Some(owner) = PrivateState::load(cx).owner else {
        let owner = Owner::found(&existing, name);
        PrivateState::update(cx, |state| state.owner = Some(owner.clone()));
        return Some(owner);
    };
    if !owner.lost_all(name, &existing) {
        return Some(owner);
    }
    let detail = format!(
        "The parts of the builder {name:?} were deleted, or taken over before it was complete, and \
         the parts that now have their names belong to another resource. The builder of this \
         state is gone. Choose another name, or remove the resource from the configuration."
    );
    cx.warn(Diagnostic::warning(
        "Builder belongs to another resource",
        detail,
    ));
    None
}

/// Returns the event bus on which an import has to look for the rule instead. Neither a name nor an
/// identity states it, but the permission of the event filter does.
fn other_bus(parts: &Parts, observed: &Observed, account: &Account) -> Option<String> {
    if parts.rule.bus != DEFAULT_BUS || observed.rule.is_some() {
        return None;
    }
    match observed.filter.function()?.permissions.get(STATEMENT)? {
        Permission::Rule(arn) => account.bus_of_rule(arn, &parts.rule.name),
        Permission::Other(_) => None,
    }
    .filter(|bus| *bus != DEFAULT_BUS && is_bus_name(bus))
    .map(str::to_owned)
}

/// Refuses to look for a builder in the wrong account or region, where it would seem to be gone.
fn check_account(state: &Value, parts: &Parts, name: &str) -> Result<(), Diagnostic> {
    let Some(recorded) = state.get("index_generator_function_arn").as_str() else {
        return Ok(());
    };
    let here = &parts.generator.function.arn;
    if recorded == here {
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
        "The builder {name:?} was created in {}, but the provider is configured for {}. Configure \
         the provider for the former, for example with an alias, or remove the builder from the \
         state to forget it: terraform state rm ADDRESS",
        place(recorded),
        place(here)
    );
    Err(Diagnostic::error(
        "Builder is in another account or region",
        detail,
    ))
}

/// Checks that objects with the names of a builder's parts are parts, if only a name is known.
fn check_is_builder(parts: &Parts, observed: &Observed, name: &str) -> Result<(), Diagnostic> {
    let filters = observed.filter.variable(environment::FILTERS);
    let version = observed.generator.variable(environment::INDEX_VERSION);
    if filters.is_some() || version.is_some() {
        return Ok(());
    }
    let detail = format!(
        "Parts with the names of a builder {name:?} exist, but the functions {:?} and {:?} are \
         missing or do not have the environment variables of a builder. Check the name, the \
         region and the account.",
        parts.filter.function.name, parts.generator.function.name
    );
    Err(Diagnostic::error("Not a builder", detail))
}

fn set_code(state: &mut Value, arguments: &Arguments, observed: &Observed) {
    let hash = |unit: &ObservedUnit| unit.function().map(|found| &found.code_sha256).into();
    let code = Value::object([
        ("event_filter", hash(&observed.filter)),
        ("index_generator", hash(&observed.generator)),
    ]);
    if state.get("bundle_version").is_null()
        && let Some(bundle) = bundle()
        && state::code_of(bundle, arguments.architecture()) == code
    {
        state.set("bundle_version", bundle.version());
    }
    state.set("code_sha256", code);
}

#[cfg(test)]
mod tests;
