//! All parts of a builder together: finding, making and removing them.

use tfplugin_sdk::Diagnostic;

use super::blueprint::{Blueprint, Half};
use super::function::FoundFunction;
use super::log_group::FoundLogGroup;
use super::names::OWNER_TAG;
use super::role::{FoundRole, is_ours};
use super::rule::FoundRule;
use super::{function, log_group, role, rule};
use crate::shared::Session;

/// What there is of one function and what it needs.
#[derive(Clone)]
pub(super) struct FoundHalf {
    pub log_group: Option<FoundLogGroup>,
    pub role: Option<FoundRole>,
    pub function: Option<FoundFunction>,
}

/// What there is of a builder.
#[derive(Clone)]
pub(super) struct Found {
    pub filter: FoundHalf,
    pub generator: FoundHalf,
    pub rule: Option<FoundRule>,
}

impl Found {
    /// Whether anything of it is there that does something, or may.
    pub(super) fn stands(&self) -> bool {
        let half = |half: &FoundHalf| half.function.is_some() || half.role.is_some();
        half(&self.filter) || half(&self.generator) || self.rule.is_some()
    }
}

pub(super) async fn find(
    session: &Session<'_>,
    blueprint: &Blueprint,
) -> Result<Found, Diagnostic> {
    let half = |half| find_half(session, half);
    let rule = &blueprint.rule;
    let (generator, filter, rule) = tokio::try_join!(
        half(&blueprint.generator),
        half(&blueprint.filter),
        rule::find(session, &rule.bus, &rule.name),
    )?;
    Ok(Found {
        filter,
        generator,
        rule,
    })
}

async fn find_half(session: &Session<'_>, half: &Half) -> Result<FoundHalf, Diagnostic> {
    let (log_group, role, function) = tokio::try_join!(
        log_group::find(session, &half.log_group.name, &half.log_group.arn),
        role::find(session, &half.role.name),
        function::find(session, &half.function.name),
    )?;
    Ok(FoundHalf {
        log_group,
        role,
        function,
    })
}

/// Things of the builder's names that it did not make are not taken over in silence.
pub(super) fn check_owner(
    blueprint: &Blueprint,
    found: &Found,
    name: &str,
) -> Result<(), Diagnostic> {
    let mut foreign = Vec::new();
    let halves = [
        (&blueprint.generator, &found.generator),
        (&blueprint.filter, &found.filter),
    ];
    for (half, found) in halves {
        let (log_group, role) = (found.log_group.as_ref(), found.role.as_ref());
        let function = found.function.as_ref();
        for (kind, name_, tags) in [
            (
                "log group",
                &half.log_group.name,
                log_group.map(|g| &g.tags),
            ),
            ("role", &half.role.name, role.map(|r| &r.tags)),
            ("function", &half.function.name, function.map(|f| &f.tags)),
        ] {
            if tags.is_some_and(|tags| !is_ours(tags, name)) {
                foreign.push(format!("  - {kind} {name_:?}"));
            }
        }
    }
    let rule = found.rule.as_ref();
    if rule.is_some_and(|rule| !is_ours(&rule.tags, name)) {
        foreign.push(format!("  - rule {:?}", blueprint.rule.name));
    }
    if foreign.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "These exist already and are not marked as parts of this builder (by the tag \
         {OWNER_TAG:?} = {name:?}):\n{}\n\nChoose another name, or remove them. If they are parts \
         of a builder whose state was lost, take it over with: terraform import \
         soci_index_builder.<name> {name}",
        foreign.join("\n")
    );
    Err(Diagnostic::error("Name is taken", detail).at("name"))
}

/// Makes all parts so. Each is ready before another relies on it, and the rule, which sets all
/// in motion, comes last.
pub(super) async fn ensure(
    session: &Session<'_>,
    blueprint: &Blueprint,
    found: Found,
) -> Result<(), Diagnostic> {
    let halves = blueprint.halves();
    let Found {
        filter,
        generator,
        rule,
    } = found;
    let mut functions = Vec::new();
    for (half, found) in halves.into_iter().zip([generator, filter]) {
        log_group::ensure(session, &half.log_group, found.log_group).await?;
        let role_is_new = role::ensure(session, &half.role, found.role).await?;
        functions.push((half, found.function, role_is_new));
    }
    for (half, found, role_is_new) in functions {
        function::ensure(session, &half.function, found, role_is_new).await?;
    }
    rule::ensure(session, &blueprint.rule, rule).await
}

/// Removes all parts: first what sets the others in motion.
pub(super) async fn delete(session: &Session<'_>, blueprint: &Blueprint) -> Result<(), Diagnostic> {
    let Blueprint {
        filter,
        generator,
        rule,
    } = blueprint;
    rule::delete(session, &rule.bus, &rule.name).await?;
    for half in [filter, generator] {
        function::delete(session, &half.function.name).await?;
    }
    for half in [filter, generator] {
        role::delete(session, &half.role.name).await?;
        log_group::delete(session, &half.log_group.name).await?;
    }
    Ok(())
}
