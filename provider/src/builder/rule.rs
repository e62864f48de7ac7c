//! The EventBridge rule, and its one target.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{RuleState, Tag, Target};
use serde_json::Value as Json;
use tfplugin_sdk::Diagnostic;

use super::names::TARGET;
use super::role::absent;
use super::settings::surplus_tags;
use crate::aws::AwsError;
use crate::shared::Session;

/// A rule has few targets; more pages are none of AWS's.
const MAX_PAGES: usize = 10;

/// The rule as it should be.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub name: String,
    pub bus: String,
    pub arn: String,
    pub pattern: String,
    /// The event filter's ARN.
    pub target: String,
    pub tags: BTreeMap<String, String>,
}

/// The rule as it is.
#[derive(Debug, Clone)]
pub(super) struct FoundRule {
    pub pattern: String,
    pub enabled: bool,
    /// Target ids, each with an ARN and whether it gets the event as it is.
    pub targets: BTreeMap<String, (String, bool)>,
    pub tags: BTreeMap<String, String>,
}

impl FoundRule {
    /// What is not as it should be, apart from what has an attribute of its own.
    pub(super) fn differences(&self, want: &Rule) -> Vec<String> {
        let mut found = Vec::new();
        if !self.enabled {
            found.push("disabled".to_owned());
        }
        match self.targets.get(TARGET) {
            None => found.push("target missing".to_owned()),
            Some((arn, plain)) if *arn != want.target || !plain => {
                found.push("target changed".to_owned());
            }
            Some(_) => {}
        }
        let foreign = self.foreign_targets();
        found.extend(foreign.map(|id| format!("foreign target {id:?}")));
        found
    }

    fn foreign_targets(&self) -> impl Iterator<Item = &String> {
        self.targets.keys().filter(|id| *id != TARGET)
    }

    fn has_pattern(&self, pattern: &str) -> bool {
        same_pattern(&self.pattern, pattern)
    }
}

/// Whether two patterns are the same but for white space and order.
pub(super) fn same_pattern(a: &str, b: &str) -> bool {
    let parse = |text| serde_json::from_str::<Json>(text).ok();
    a == b || parse(a).is_some_and(|a| Some(a) == parse(b))
}

/// The rule, if there is one.
pub(super) async fn find(
    session: &Session<'_>,
    bus: &str,
    name: &str,
) -> Result<Option<FoundRule>, Diagnostic> {
    match look(session, bus, name).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.diagnose(&format!("reading the rule {name:?}"))),
    }
}

async fn look(session: &Session<'_>, bus: &str, name: &str) -> Result<FoundRule, AwsError> {
    let describe = session
        .events
        .describe_rule()
        .name(name)
        .event_bus_name(bus);
    let rule = session.call.send(|| describe.clone().send()).await?;
    let targets = targets(session, bus, name).await?.into_iter();
    let arn = rule.arn.unwrap_or_default();
    let list = session.events.list_tags_for_resource().resource_arn(arn);
    let tags = session.call.send(|| list.clone().send()).await?.tags;
    Ok(FoundRule {
        pattern: rule.event_pattern.unwrap_or_default(),
        enabled: rule.state == Some(RuleState::Enabled),
        targets: targets
            .map(|target| {
                let plain = target.input.is_none()
                    && target.input_path.is_none()
                    && target.input_transformer.is_none();
                (target.id, (target.arn, plain))
            })
            .collect(),
        tags: tags
            .unwrap_or_default()
            .into_iter()
            .map(|tag| (tag.key, tag.value))
            .collect(),
    })
}

async fn targets(session: &Session<'_>, bus: &str, name: &str) -> Result<Vec<Target>, AwsError> {
    let (mut found, mut token) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let list = session.events.list_targets_by_rule().rule(name);
        let list = list.event_bus_name(bus).set_next_token(token.take());
        let page = session.call.send(|| list.clone().send()).await?;
        found.extend(page.targets.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Makes the rule so.
pub(super) async fn ensure(
    session: &Session<'_>,
    want: &Rule,
    found: Option<FoundRule>,
) -> Result<(), Diagnostic> {
    let doing = if found.is_none() {
        "creating"
    } else {
        "changing"
    };
    change(session, want, found)
        .await
        .map_err(|error| error.diagnose(&format!("{doing} the rule {:?}", want.name)))
}

async fn change(
    session: &Session<'_>,
    want: &Rule,
    found: Option<FoundRule>,
) -> Result<(), AwsError> {
    let tags: Vec<Tag> = want
        .tags
        .iter()
        .filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok())
        .collect();
    let (events, name, bus) = (&session.events, &want.name, &want.bus);
    let current = found
        .as_ref()
        .is_some_and(|found| found.enabled && found.has_pattern(&want.pattern));
    if !current {
        let put = events
            .put_rule()
            .name(name)
            .event_bus_name(bus)
            .description("Pushes to Amazon ECR, for the SOCI event filter")
            .event_pattern(&want.pattern)
            .state(RuleState::Enabled)
            // AWS takes them for a new rule only.
            .set_tags(found.is_none().then(|| tags.clone()));
        session.call.send(|| put.clone().send()).await?;
    }
    let target = found.as_ref().and_then(|found| found.targets.get(TARGET));
    if target != Some(&(want.target.clone(), true)) {
        let target = Target::builder().id(TARGET).arn(&want.target).build().ok();
        let put = events.put_targets().rule(name).event_bus_name(bus);
        let put = put.set_targets(Some(target.into_iter().collect()));
        let output = session.call.send_to_new(|| put.clone().send()).await?;
        if output.failed_entry_count > 0 {
            let failed = output.failed_entries.unwrap_or_default();
            let first = failed.into_iter().next();
            let (code, message) = first.map(|f| (f.error_code, f.error_message)).unzip();
            return Err(refused(code.flatten(), message.flatten()));
        }
    }
    if let Some(found) = found {
        let foreign: Vec<String> = found.foreign_targets().cloned().collect();
        remove_targets(session, bus, name, foreign).await?;
        if found.tags != want.tags {
            let tag = events.tag_resource().resource_arn(&want.arn);
            let tag = tag.set_tags(Some(tags));
            session.call.send_to_new(|| tag.clone().send()).await?;
            let gone = surplus_tags(&found.tags, &want.tags);
            if !gone.is_empty() {
                let untag = events.untag_resource().resource_arn(&want.arn);
                let untag = untag.set_tag_keys(Some(gone));
                session.call.send(|| untag.clone().send()).await?;
            }
        }
    }
    Ok(())
}

fn refused(code: Option<String>, message: Option<String>) -> AwsError {
    AwsError::service(
        code.unwrap_or_else(|| "Unknown".to_owned()),
        message.unwrap_or_else(|| "no message".to_owned()),
    )
}

/// As many as one request may name.
async fn remove_targets(
    session: &Session<'_>,
    bus: &str,
    name: &str,
    ids: Vec<String>,
) -> Result<(), AwsError> {
    for ids in ids.chunks(100) {
        let remove = session.events.remove_targets().rule(name);
        let remove = remove.event_bus_name(bus).set_ids(Some(ids.to_vec()));
        let output = session.call.send(|| remove.clone().send()).await?;
        if output.failed_entry_count > 0 {
            let failed = output.failed_entries.unwrap_or_default();
            let first = failed.into_iter().next();
            let (code, message) = first.map(|f| (f.error_code, f.error_message)).unzip();
            return Err(refused(code.flatten(), message.flatten()));
        }
    }
    Ok(())
}

/// Removes the rule and its targets.
pub(super) async fn delete(session: &Session<'_>, bus: &str, name: &str) -> Result<(), Diagnostic> {
    let events = &session.events;
    let removed = async {
        let targets = targets(session, bus, name).await?.into_iter();
        remove_targets(
            session,
            bus,
            name,
            targets.map(|target| target.id).collect(),
        )
        .await?;
        let delete = events.delete_rule().name(name).event_bus_name(bus);
        session.call.send(|| delete.clone().send()).await?;
        let describe = events.describe_rule().name(name).event_bus_name(bus);
        session
            .call
            .until(
                async || match session.call.send(|| describe.clone().send()).await {
                    Ok(_) => Ok(false),
                    Err(error) if error.is_not_found() => Ok(true),
                    Err(error) => Err(error),
                },
            )
            .await
    };
    absent(removed.await).map_err(|error| error.diagnose(&format!("deleting the rule {name:?}")))
}
