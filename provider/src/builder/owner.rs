//! Owners of parts.
//!
//! The owner tag of a part contains the builder's name and the unique name of the resource that
//! created it, which is kept in the private state. A part of another configuration can thus be
//! distinguished from an own part with the same name, and is neither changed nor deleted.

use serde::{Deserialize, Serialize};
use tfplugin_sdk::Diagnostic;

use super::arguments::Arguments;
use super::names::OWNER_TAG;
use super::part::Existing;
use super::part::function::permission::{Permission, STATEMENT};
use super::part::rule::TARGET;
use super::parts::{Observed, Parts};
use super::tags::Tags;
use crate::aws::AwsError;
use crate::shared::Session;
use crate::unique_name::unique_name;

/// The resource that parts belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    /// Unique name of the resource.
    resource: String,
    /// Unique names of resources whose unfinished parts this one takes over.
    #[serde(default)]
    adopted: Vec<String>,
}

/// Splits the owner tag of a part into the builder's name and the resource's. Tags from other
/// versions lack the latter.
fn parse(tags: &Tags) -> Option<(&str, &str)> {
    let tag = tags.get(OWNER_TAG)?;
    Some(tag.split_once('/').unwrap_or((tag, "")))
}

/// Returns whether AWS Lambda reports a function as marked as a part of a builder.
pub(super) async fn is_part_of(
    session: &Session<'_>,
    function_arn: &str,
    builder: &str,
) -> Result<bool, AwsError> {
    let list = session.lambda.list_tags().resource(function_arn);
    let listed = session.call.send(|| list.clone().send()).await?;
    let tags: Tags = listed.tags.unwrap_or_default().into_iter().collect();
    Ok(parse(&tags).is_some_and(|(name, _)| name == builder))
}

/// Returns the unique names of the resources that created parts for a builder with this name.
fn makers(parts: &[Existing<'_>], builder: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (name, resource) in parts.iter().filter_map(|part| parse(part.tags?)) {
        if name == builder && found.iter().all(|known| known != resource) {
            found.push(resource.to_owned());
        }
    }
    found
}

impl Owner {
    /// Returns a new owner that takes over the parts of others.
    fn new(adopted: Vec<String>) -> Self {
        Self {
            resource: unique_name(),
            adopted,
        }
    }

    /// Returns the owner named by the parts of an existing builder, for a state that does not
    /// contain it, as after an import.
    pub(super) fn found(parts: &[Existing<'_>], builder: &str) -> Self {
        let mut makers = makers(parts, builder);
        let named = makers.iter().position(|maker| !maker.is_empty());
        match named.map(|position| makers.remove(position)) {
            Some(resource) => Self {
                resource,
                adopted: makers,
            },
            None => Self::new(makers),
        }
    }

    /// Returns the owner of a new builder. Parts left by an interrupted create are taken over.
    ///
    /// # Errors
    /// If a builder with this name is complete, or one of its parts does not belong to a builder or
    /// cannot be changed to what is requested.
    pub(super) fn of_new(
        parts: &Parts,
        observed: &Observed,
        arguments: &Arguments,
    ) -> Result<Self, Diagnostic> {
        let (name, existing) = (&arguments.name, parts.existing(observed));
        let foreign = foreign(&existing, |tags| {
            parse(tags).is_some_and(|(its, _)| its == name)
        });
        if !foreign.is_empty() {
            return Err(name_is_taken(name, foreign));
        }
        if let Some(rule) = rule_of_complete(parts, observed) {
            return Err(builder_exists(arguments, observed, &existing, rule));
        }
        if let Some(path) = other_role_path(observed, &arguments.role_path) {
            let detail = format!(
                "An earlier apply left roles of this builder with the path {path:?}, want {:?}. \
                 AWS cannot change the path of a role: delete what that apply left, or set \
                 role_path to {path:?}.\n\n{}",
                arguments.role_path,
                list(&existing)
            );
            return Err(Diagnostic::error("Roles have another path", detail).at("role_path"));
        }
        Ok(Self::new(makers(&existing, name)))
    }

    /// Returns the unique name of the resource.
    pub(super) fn resource(&self) -> &str {
        &self.resource
    }

    /// Returns the owner tag of parts of the builder.
    pub(super) fn tag(&self, builder: &str) -> String {
        format!("{builder}/{}", self.resource)
    }

    /// Records that all parts now have this owner's tag.
    pub(super) fn has_all(&mut self) {
        self.adopted.clear();
    }

    fn owns(&self, builder: &str, tags: &Tags) -> bool {
        parse(tags).is_some_and(|(name, resource)| {
            let mut own = std::iter::once(&self.resource).chain(&self.adopted);
            name == builder && own.any(|own| own == resource)
        })
    }

    /// Returns whether every part is marked as another resource's, so that none of this builder's
    /// are left.
    pub(super) fn lost_all(&self, builder: &str, parts: &[Existing<'_>]) -> bool {
        let lost = |tags: &Tags| {
            let marked = parse(tags).is_some_and(|(_, resource)| !resource.is_empty());
            marked && !self.owns(builder, tags)
        };
        let mut tagged = parts.iter().filter_map(|part| part.tags).peekable();
        tagged.peek().is_some() && tagged.all(lost)
    }

    /// Refuses to change or delete parts of other owners.
    ///
    /// # Errors
    /// If one of the parts does not have the tag of this owner.
    pub(super) fn check(&self, builder: &str, parts: &[Existing<'_>]) -> Result<(), Diagnostic> {
        let foreign = foreign(parts, |tags| self.owns(builder, tags));
        if foreign.is_empty() {
            return Ok(());
        }
        let detail = format!(
            "These are not marked as parts of this builder (by the tag {OWNER_TAG:?} = {:?}):\n{}\
             \n\nNothing was changed. If somebody else made them, remove this builder from the \
             state to forget it: terraform state rm ADDRESS. If they are this builder's and lost \
             their tag, restore it.",
            self.tag(builder),
            list(foreign)
        );
        Err(Diagnostic::error("Parts of another owner", detail).at("name"))
    }
}

/// Returns the ARN of the rule of a complete builder, which was therefore not left by an
/// interrupted create. If the rule is on another event bus, the permission to invoke the event
/// filter reveals it.
fn rule_of_complete<'a>(parts: &'a Parts, observed: &'a Observed) -> Option<&'a str> {
    let filter = observed.filter.function()?;
    observed.generator.function()?;
    let own = &*parts.rule.arn;
    match filter.permissions.get(STATEMENT) {
        Some(Permission::Rule(arn)) if arn != own => return Some(arn),
        _ => {}
    }
    let rule = observed.rule.as_ref()?;
    let stands = rule.properties.targets.contains_key(TARGET);
    stands.then_some(own)
}

/// Returns the path of a role if it differs from `path`.
fn other_role_path<'a>(observed: &'a Observed, path: &str) -> Option<&'a str> {
    let roles = [observed.filter.role(), observed.generator.role()];
    let mut paths = roles.into_iter().flatten().map(|role| &*role.path);
    paths.find(|its| *its != path)
}

fn name_is_taken(name: &str, foreign: Vec<&Existing<'_>>) -> Diagnostic {
    let detail = format!(
        "These already exist and are not marked as parts of a builder of this name (by the tag \
         {OWNER_TAG:?} = \"{name}/…\"):\n{}\n\nChoose another name, or remove them.",
        list(foreign)
    );
    Diagnostic::error("Name is taken", detail).at("name")
}

fn builder_exists(
    arguments: &Arguments,
    observed: &Observed,
    existing: &[Existing<'_>],
    rule_arn: &str,
) -> Diagnostic {
    let name = &arguments.name;
    // The resource in a rule's ARN is the import ID: the name, preceded by the bus unless it is
    // `default`.
    let id = rule_arn.split_once(":rule/").map_or(&**name, |(_, id)| id);
    let region = rule_arn.split(':').nth(3).unwrap_or_default();
    let mut detail = format!(
        "A builder {name:?} already exists in this account and region, with the rule {rule_arn}:\n\
         {}\n\nNothing was changed. If no other configuration manages it, import it: terraform \
         import ADDRESS {id}@{region}\nOtherwise choose another name. If the resource was renamed \
         in this configuration, tell Terraform with a moved block.",
        list(existing)
    );
    if let Some(path) = other_role_path(observed, &arguments.role_path) {
        detail += &format!(
            "\n\nIts roles have the path {path:?}, want {:?}, and AWS cannot change it. If this is \
             its replacement under create_before_destroy, the two cannot share a name: change the \
             name as well, or remove create_before_destroy.",
            arguments.role_path
        );
    }
    Diagnostic::error("Builder already exists", detail).at("name")
}

/// Returns the parts that belong to other owners. If a service does not support tags, the rest of
/// the builder decides.
fn foreign<'a, 'b>(
    parts: &'b [Existing<'a>],
    is_own: impl Fn(&Tags) -> bool,
) -> Vec<&'b Existing<'a>> {
    let rest_is_own = parts.iter().any(|part| part.tags.is_some_and(&is_own));
    let is_own = |part: &Existing<'_>| part.tags.map_or(rest_is_own, &is_own);
    parts.iter().filter(|part| !is_own(part)).collect()
}

/// Returns a line for each part.
fn list<'a>(parts: impl IntoIterator<Item = &'a Existing<'a>>) -> String {
    let lines = parts.into_iter();
    let lines = lines.map(|Existing { kind, name, .. }| format!("  - {kind} {name:?}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(owner: Option<&str>) -> Tags {
        let tag = owner.map(|owner| (OWNER_TAG.to_owned(), owner.to_owned()));
        tag.into_iter().collect()
    }

    fn part<'a>(name: &'a str, tags: &'a Tags) -> Existing<'a> {
        Existing {
            kind: "function",
            name,
            tags: Some(tags),
        }
    }

    #[test]
    fn parts_are_told_by_name_and_resource() {
        let owner = Owner {
            resource: "1".to_owned(),
            adopted: vec!["2".to_owned()],
        };
        for (tag, own) in [
            (Some("x/1"), true),
            (Some("x/2"), true),
            (Some("x/3"), false),
            (Some("x"), false),
            (Some("y/1"), false),
            (None, false),
        ] {
            let tags = tags(tag);
            let checked = owner.check("x", &[part("x-filter", &tags)]);
            assert_eq!(checked.is_ok(), own, "{tag:?}");
            if let Err(error) = checked {
                for text in ["function \"x-filter\"", "\"x/1\"", "state rm"] {
                    assert!(error.detail.contains(text), "{}", error.detail);
                }
            }
        }
        assert_eq!(owner.tag("x"), "x/1");
        let mut owner = owner;
        owner.has_all();
        let of_another = tags(Some("x/2"));
        assert!(owner.check("x", &[part("x-filter", &of_another)]).is_err());
        assert!(Owner::new(Vec::new()).resource != Owner::new(Vec::new()).resource);
    }

    #[test]
    fn parts_without_tags_belong_to_the_rest_of_the_builder() {
        let (own, other) = (tags(Some("x/1")), tags(Some("x/2")));
        let rule = Existing {
            kind: "rule",
            name: "x",
            tags: None,
        };
        let owner = Owner::found(&[part("a", &own)], "x");
        assert!(owner.check("x", &[rule, part("a", &own)]).is_ok());
        for parts in [vec![rule], vec![rule, part("a", &other)]] {
            let error = owner.check("x", &parts).unwrap_err();
            assert!(error.detail.contains("rule \"x\""), "{}", error.detail);
        }
        assert!(owner.lost_all("x", &[rule, part("a", &other)]));
        assert!(!owner.lost_all("x", &[rule]));
    }

    #[test]
    fn an_import_learns_the_owner_from_the_parts() {
        let (none, bare, one, two) = (
            tags(Some("y/1")),
            tags(Some("x")),
            tags(Some("x/1")),
            tags(Some("x/2")),
        );
        let parts = [
            part("a", &none),
            part("b", &bare),
            part("c", &one),
            part("d", &two),
        ];
        let owner = Owner::found(&parts, "x");
        assert_eq!(owner.resource, "1");
        assert_eq!(owner.adopted, ["", "2"]);
        assert!(owner.check("x", &parts[1..]).is_ok());
        assert!(owner.check("x", &parts).is_err());
        assert!(!Owner::found(&parts[..2], "x").resource.is_empty());
    }

    #[test]
    fn a_builder_is_lost_only_when_every_part_is_marked_as_anothers() {
        let owner = Owner::found(&[part("a", &tags(Some("x/1")))], "x");
        let (own, other, without) = (tags(Some("x/1")), tags(Some("x/2")), tags(None));
        for (parts, lost) in [
            (vec![], false),
            (vec![part("a", &other)], true),
            (vec![part("a", &other), part("b", &own)], false),
            (vec![part("a", &other), part("b", &without)], false),
        ] {
            assert_eq!(owner.lost_all("x", &parts), lost, "{parts:?}");
        }
    }
}
