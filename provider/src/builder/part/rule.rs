//! An EventBridge rule and its single target: the rule for pushes, or the one that starts sweeps.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{RuleState, Tag, Target as SdkTarget};
use serde_json::Value as Json;

use super::difference::{Property, difference, entries, joined, unmanaged};
use super::{Observed, Part, exists, if_supported};
use crate::aws::AwsError;
use crate::builder::arguments::Arguments;
use crate::builder::pattern;
use crate::builder::tags::Tags;
use crate::shared::Session;

/// Maximum number of pages of a rule's targets. AWS allows five targets by default.
const MAX_PAGES: usize = 10;
/// Maximum number of targets that one request may remove.
const MAX_REMOVED: usize = 100;
/// ID of the single target.
pub(in crate::builder) const TARGET: &str = "event-filter";

/// A rule, by name, bus and ARN.
#[derive(Debug, Clone)]
pub(in crate::builder) struct Rule {
    pub name: String,
    pub bus: String,
    pub arn: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) struct Properties {
    pub trigger: Trigger,
    pub enabled: bool,
    /// The targets by ID.
    pub targets: BTreeMap<String, Target>,
}

/// Condition under which a rule invokes its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) enum Trigger {
    /// On events that match the pattern, as JSON.
    Pattern(String),
    /// On a schedule.
    Schedule(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) struct Target {
    pub arn: String,
    /// Whether the target receives the event unchanged.
    pub plain: bool,
}

impl Property for Target {
    fn difference(&self, observed: &Self) -> String {
        let arn = difference("ARN", &self.arn, &observed.arn);
        let event = (self.plain != observed.plain).then(|| "the event is transformed".to_owned());
        joined([arn, event].into_iter().flatten())
    }
}

impl Properties {
    /// Returns the rule for the pushes selected by the arguments.
    pub(in crate::builder) fn desired(arguments: &Arguments, event_filter_arn: &str) -> Self {
        let pattern = pattern::pattern(
            &arguments.filters(),
            &arguments.excluded(),
            &arguments.scope(),
            arguments.delete_with_source,
        );
        Self::invoking(event_filter_arn, Trigger::Pattern(pattern))
    }

    /// Returns the rule that starts sweeps, if the arguments request them.
    pub(in crate::builder) fn sweeping(
        arguments: &Arguments,
        event_filter_arn: &str,
    ) -> Option<Self> {
        let schedule = Trigger::Schedule(arguments.schedule()?.to_owned());
        Some(Self::invoking(event_filter_arn, schedule))
    }

    /// Returns a rule with the event filter as its target.
    fn invoking(event_filter_arn: &str, trigger: Trigger) -> Self {
        let target = Target {
            arn: event_filter_arn.to_owned(),
            plain: true,
        };
        Self {
            trigger,
            enabled: true,
            targets: [(TARGET.to_owned(), target)].into(),
        }
    }

    /// Returns the event pattern; empty for a rule with a schedule.
    pub(in crate::builder) fn pattern(&self) -> &str {
        match &self.trigger {
            Trigger::Pattern(pattern) => pattern,
            Trigger::Schedule(_) => "",
        }
    }

    /// Returns the schedule; empty for a rule with a pattern.
    pub(in crate::builder) fn schedule(&self) -> &str {
        match &self.trigger {
            Trigger::Pattern(_) => "",
            Trigger::Schedule(schedule) => schedule,
        }
    }
}

impl Trigger {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pattern(a), Self::Pattern(b)) => is_same_pattern(a, b),
            _ => self == other,
        }
    }

    /// Returns the description of a rule with this trigger.
    fn description(&self) -> &'static str {
        match self {
            Self::Pattern(_) => "Pushes to Amazon ECR, for the SOCI event filter",
            Self::Schedule(_) => "Sweeps for images without a SOCI index",
        }
    }
}

impl Part for Rule {
    const KIND: &'static str = "rule";
    type Desired = Properties;
    type Observed = Properties;

    fn name(&self) -> &str {
        &self.name
    }

    async fn observe(&self, session: &Session<'_>) -> Result<Option<Observed<Self>>, AwsError> {
        let describe = session.events.describe_rule().name(&self.name);
        let describe = describe.event_bus_name(&self.bus);
        let rule = session.call.send(|| describe.clone().send()).await?;
        let targets = self.targets(session).await?.into_iter();
        let list = session.events.list_tags_for_resource();
        let list = list.resource_arn(rule.arn.unwrap_or_default());
        let tags = if_supported(session.call.send(|| list.clone().send()).await)?;
        Ok(Some(Observed {
            properties: Properties {
                trigger: match rule.schedule_expression.filter(|its| !its.is_empty()) {
                    Some(schedule) => Trigger::Schedule(schedule),
                    None => Trigger::Pattern(rule.event_pattern.unwrap_or_default()),
                },
                enabled: rule.state == Some(RuleState::Enabled),
                targets: targets
                    .map(|target| {
                        let plain = target.input.is_none()
                            && target.input_path.is_none()
                            && target.input_transformer.is_none();
                        let arn = target.arn;
                        (target.id, Target { arn, plain })
                    })
                    .collect(),
            },
            tags: tags.map(|found| {
                let tags = found.tags.unwrap_or_default().into_iter();
                tags.map(|tag| (tag.key, tag.value)).collect()
            }),
        }))
    }

    async fn exists(&self, session: &Session<'_>) -> Result<bool, AwsError> {
        let describe = session.events.describe_rule().name(&self.name);
        let describe = describe.event_bus_name(&self.bus);
        exists(session.call.send(|| describe.clone().send()).await)
    }

    async fn create(
        &self,
        session: &Session<'_>,
        desired: &Properties,
        tags: &Tags,
    ) -> Result<Properties, AwsError> {
        match self.put(session, desired, Some(tags)).await {
            Err(error) if error.is_unsupported() => self.put(session, desired, None).await?,
            put => put?,
        }
        Ok(Properties {
            targets: BTreeMap::new(),
            ..desired.clone()
        })
    }

    async fn change(
        &self,
        session: &Session<'_>,
        desired: &Properties,
        observed: &Properties,
    ) -> Result<(), AwsError> {
        let Properties {
            trigger,
            enabled,
            targets,
        } = desired;
        if *enabled != observed.enabled || !trigger.is_same(&observed.trigger) {
            // AWS accepts tags only for new rules.
            self.put(session, desired, None).await?;
        }
        for (id, target) in targets {
            if observed.targets.get(id) != Some(target) {
                self.put_target(session, id, target).await?;
            }
        }
        let unmanaged: Vec<String> = unmanaged(targets, &observed.targets).cloned().collect();
        self.remove_targets(session, &unmanaged).await
    }

    async fn tag(&self, session: &Session<'_>, tags: &Tags) -> Result<(), AwsError> {
        let tag = session.events.tag_resource().resource_arn(&self.arn);
        let tag = tag.set_tags(Some(to_sdk(tags)));
        session.call.send_to_new(|| tag.clone().send()).await?;
        Ok(())
    }

    async fn untag(&self, session: &Session<'_>, keys: Vec<String>) -> Result<(), AwsError> {
        let untag = session.events.untag_resource().resource_arn(&self.arn);
        let untag = untag.set_tag_keys(Some(keys));
        session.call.send(|| untag.clone().send()).await?;
        Ok(())
    }

    /// Deletes the rule, after its targets.
    async fn delete(&self, session: &Session<'_>) -> Result<(), AwsError> {
        let targets = self.targets(session).await?.into_iter();
        let targets: Vec<String> = targets.map(|target| target.id).collect();
        self.remove_targets(session, &targets).await?;
        let delete = session.events.delete_rule().name(&self.name);
        let delete = delete.event_bus_name(&self.bus);
        session.call.send(|| delete.clone().send()).await?;
        Ok(())
    }

    fn differences(desired: &Properties, observed: &Properties) -> Vec<String> {
        let Properties {
            trigger: _, // the attributes `event_pattern` and `sweep_schedule`
            enabled,
            targets,
        } = observed;
        let mut found = Vec::new();
        if *enabled != desired.enabled {
            found.push("disabled".to_owned());
        }
        found.extend(entries("target", &desired.targets, targets));
        found
    }
}

impl Rule {
    async fn put(
        &self,
        session: &Session<'_>,
        desired: &Properties,
        tags: Option<&Tags>,
    ) -> Result<(), AwsError> {
        let state = match desired.enabled {
            true => RuleState::Enabled,
            false => RuleState::Disabled,
        };
        let put = session
            .events
            .put_rule()
            .name(&self.name)
            .event_bus_name(&self.bus)
            .description(desired.trigger.description())
            .state(state)
            .set_tags(tags.map(to_sdk));
        let put = match &desired.trigger {
            Trigger::Pattern(pattern) => put.event_pattern(pattern),
            Trigger::Schedule(schedule) => put.schedule_expression(schedule),
        };
        session.call.send(|| put.clone().send()).await?;
        Ok(())
    }

    async fn targets(&self, session: &Session<'_>) -> Result<Vec<SdkTarget>, AwsError> {
        let (mut found, mut token) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let list = session.events.list_targets_by_rule().rule(&self.name);
            let list = list.event_bus_name(&self.bus).set_next_token(token.take());
            let page = session.call.send(|| list.clone().send()).await?;
            found.extend(page.targets.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn put_target(
        &self,
        session: &Session<'_>,
        id: &str,
        target: &Target,
    ) -> Result<(), AwsError> {
        let target = SdkTarget::builder().id(id).arn(&target.arn).build().ok();
        let put = session.events.put_targets().rule(&self.name);
        let put = put.event_bus_name(&self.bus);
        let put = put.set_targets(Some(target.into_iter().collect()));
        let output = session.call.send_to_new(|| put.clone().send()).await?;
        let failed = output.failed_entries.unwrap_or_default().into_iter();
        let failed = failed.map(|entry| (entry.error_code, entry.error_message));
        refused(output.failed_entry_count, failed.collect())
    }

    async fn remove_targets(&self, session: &Session<'_>, ids: &[String]) -> Result<(), AwsError> {
        for ids in ids.chunks(MAX_REMOVED) {
            let remove = session.events.remove_targets().rule(&self.name);
            let remove = remove.event_bus_name(&self.bus).set_ids(Some(ids.to_vec()));
            let output = session.call.send(|| remove.clone().send()).await?;
            let failed = output.failed_entries.unwrap_or_default().into_iter();
            let failed = failed.map(|entry| (entry.error_code, entry.error_message));
            refused(output.failed_entry_count, failed.collect())?;
        }
        Ok(())
    }
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    let tags = tags.iter();
    let tags = tags.filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok());
    tags.collect()
}

/// Returns an error for the first entry that EventBridge rejected, if any.
fn refused(count: i32, entries: Vec<(Option<String>, Option<String>)>) -> Result<(), AwsError> {
    if count == 0 {
        return Ok(());
    }
    let (code, message) = entries.into_iter().next().unwrap_or_default();
    Err(AwsError::service(
        code.unwrap_or_else(|| "Unknown".to_owned()),
        message.unwrap_or_else(|| "no message".to_owned()),
    ))
}

/// Returns whether two patterns differ only in white space and order.
pub(in crate::builder) fn is_same_pattern(a: &str, b: &str) -> bool {
    let parse = |text| serde_json::from_str::<Json>(text).ok();
    a == b || parse(a).is_some_and(|a| Some(a) == parse(b))
}
