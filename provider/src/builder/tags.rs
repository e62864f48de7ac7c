//! Tags: those of the configuration, the provider's defaults, and the builder's own.

use std::collections::BTreeMap;

use tfplugin_sdk::Value;

use super::names::OWNER_TAG;
use crate::aws::{IgnoredTags, is_reserved};

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;
/// The argument `tags`, in which values may be null.
pub(super) type ConfiguredTags = BTreeMap<String, Option<String>>;

/// The tags that every part should have.
#[derive(Debug, Clone)]
pub(super) struct DesiredTags {
    all: Tags,
    ignored: IgnoredTags,
}

impl DesiredTags {
    /// Adds the owner tag to the tags of the configuration. Tags that are `ignored` are set only on
    /// new parts.
    pub(super) fn new(tags: Tags, owner: String, ignored: IgnoredTags) -> Self {
        let mut all = tags;
        all.insert(OWNER_TAG.to_owned(), owner);
        Self { all, ignored }
    }

    /// Returns the tags of a new part.
    pub(super) fn of_new(&self) -> &Tags {
        &self.all
    }

    /// Returns the tags that an existing part lacks or has with a different value.
    pub(super) fn missing(&self, observed: &Tags) -> Tags {
        let mut missing = self.all.clone();
        missing.retain(|key, value| self.manages(key) && observed.get(key) != Some(value));
        missing
    }

    /// Returns the keys of the tags that an existing part has but should not have.
    pub(super) fn surplus(&self, observed: &Tags) -> Vec<String> {
        let surplus = observed.keys();
        let surplus = surplus.filter(|key| self.manages(key) && !self.all.contains_key(*key));
        surplus.cloned().collect()
    }

    /// Returns whether an existing part has exactly these tags.
    pub(super) fn are_those_of(&self, observed: &Tags) -> bool {
        self.missing(observed).is_empty() && self.surplus(observed).is_empty()
    }

    /// Returns whether the builder may change a tag. AWS's own tags cannot be changed.
    fn manages(&self, key: &str) -> bool {
        key == OWNER_TAG || !is_reserved(key) && !self.ignored.contains(key)
    }
}

/// Merges the argument `tags` over the provider's defaults, unless one of them is unknown.
pub(super) fn planned(tags: &Value, defaults: &Tags) -> Option<Tags> {
    let own = tags.as_map().into_iter().flatten();
    let own = own.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    tags.is_wholly_known().then(|| merge(own, defaults))
}

/// Merges the argument `tags` over the provider's defaults.
pub(super) fn all(tags: Option<&ConfiguredTags>, defaults: &Tags) -> Tags {
    let own = tags.into_iter().flatten();
    let own = own.filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
    merge(own, defaults)
}

fn merge(own: impl Iterator<Item = (String, String)>, defaults: &Tags) -> Tags {
    let mut all = defaults.clone();
    all.extend(own);
    all
}

/// Removes the tags that are ignored.
pub(super) fn without_ignored(mut tags: Tags, ignored: &IgnoredTags) -> Tags {
    tags.retain(|key, _| !ignored.contains(key));
    tags
}

/// Returns whether parts with these tags belong to the same resource.
pub(super) fn have_one_owner(one: &Tags, other: &Tags) -> bool {
    let owner = one.get(OWNER_TAG);
    owner.is_some() && owner == other.get(OWNER_TAG)
}

/// Returns the tags of a part that a configuration can set.
pub(super) fn settable(tags: &Tags) -> Tags {
    let mut tags = tags.clone();
    tags.retain(|key, _| key != OWNER_TAG && !is_reserved(key));
    tags
}

/// Returns the defaults with which `all` was applied: the tags that the configuration does not set.
pub(super) fn applied_defaults(mut all: Tags, recorded: Option<&ConfiguredTags>) -> Tags {
    all.retain(|key, _| recorded.is_none_or(|own| !own.contains_key(key)));
    all
}

/// Returns the argument `tags` that corresponds to the parts' tags: all except the defaults. Tags
/// that were `recorded` in the configuration are kept if a default is equal, a tag is ignored, or a
/// value is null.
pub(super) fn configured(
    all: &Tags,
    defaults: &Tags,
    ignored: &IgnoredTags,
    recorded: Option<&ConfiguredTags>,
) -> Option<ConfiguredTags> {
    let is_recorded = |key: &String| recorded.is_some_and(|own| own.contains_key(key));
    let own = all.iter().filter(|(key, value)| {
        !ignored.contains(key) && (is_recorded(key) || defaults.get(*key) != Some(*value))
    });
    let mut tags: ConfiguredTags = own
        .map(|(key, value)| (key.clone(), Some(value.clone())))
        .collect();
    for (key, value) in recorded.into_iter().flatten() {
        if ignored.contains(key) || value.is_none() && !all.contains_key(key) {
            tags.insert(key.clone(), value.clone());
        }
    }
    (!tags.is_empty() || recorded.is_some()).then_some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags<const N: usize>(tags: [(&str, &str); N]) -> Tags {
        tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn none() -> IgnoredTags {
        IgnoredTags::default()
    }

    #[test]
    fn own_tags_override_defaults() {
        let defaults = tags([("a", "1"), ("b", "2")]);
        let own = Value::object([("b", "own".into()), ("c", "3".into()), ("d", Value::Null)]);
        let want = tags([("a", "1"), ("b", "own"), ("c", "3")]);
        assert_eq!(planned(&own, &defaults), Some(want.clone()));
        assert_eq!(all(own.to().as_ref().ok(), &defaults), want);
        let own = Value::object([("c", Value::Unknown)]);
        assert_eq!(planned(&own, &defaults), None);
        assert_eq!(planned(&Value::Null, &Tags::new()), Some(Tags::new()));
    }

    #[test]
    fn tags_are_told_apart_from_the_providers_defaults() {
        let defaults = tags([("env", "prod"), ("team", "a")]);
        for (recorded, observed, want) in [
            // As applied.
            (None, tags([("env", "prod"), ("team", "a")]), None),
            (
                Some(tags([("team", "a")])),
                tags([("env", "prod"), ("team", "a")]),
                Some(tags([("team", "a")])),
            ),
            // Changed, added and removed elsewhere.
            (
                None,
                tags([("env", "test"), ("team", "a")]),
                Some(tags([("env", "test")])),
            ),
            (
                None,
                tags([("env", "prod"), ("team", "a"), ("x", "1")]),
                Some(tags([("x", "1")])),
            ),
            (
                Some(tags([("own", "1")])),
                tags([("env", "prod"), ("team", "a")]),
                Some(tags([])),
            ),
        ] {
            let optional = |tags: Tags| -> ConfiguredTags {
                tags.into_iter().map(|(k, v)| (k, Some(v))).collect()
            };
            let recorded = recorded.map(optional);
            let got = configured(&observed, &defaults, &none(), recorded.as_ref());
            assert_eq!(got, want.map(optional), "{observed:?}");
        }
    }

    #[test]
    fn null_and_ignored_tags_stay_as_they_are_configured() {
        let recorded: ConfiguredTags = [
            ("gone".to_owned(), None),
            ("theirs".to_owned(), Some("mine".to_owned())),
        ]
        .into();
        let ignored = IgnoredTags::of(["theirs", "other"]);
        let observed = tags([("theirs", "scanned"), ("other", "x")]);
        let got = configured(&observed, &Tags::new(), &ignored, Some(&recorded));
        assert_eq!(got, Some(recorded));
        let got = configured(&observed, &Tags::new(), &ignored, None);
        assert_eq!(got, None);
    }

    #[test]
    fn defaults_are_what_the_configuration_does_not_have() {
        let all = tags([("env", "prod"), ("team", "a")]);
        let own: ConfiguredTags = [("team".to_owned(), Some("a".to_owned()))].into();
        let got = applied_defaults(all.clone(), Some(&own));
        assert_eq!(got, tags([("env", "prod")]));
        assert_eq!(applied_defaults(all.clone(), None), all);
    }

    #[test]
    fn only_what_differs_is_changed() {
        let ignored = IgnoredTags::of(["theirs", OWNER_TAG]);
        let own = tags([("a", "1"), ("b", "2"), ("theirs", "first")]);
        let desired = DesiredTags::new(own, "x/1".to_owned(), ignored);
        let of_new = desired.of_new();
        assert_eq!(of_new["theirs"], "first");
        assert_eq!(of_new[OWNER_TAG], "x/1");
        assert!(desired.are_those_of(of_new));

        let mut observed = of_new.clone();
        observed.extend(tags([
            ("a", "0"),
            ("theirs", "scanned"),
            ("surplus", "1"),
            ("aws:cloudformation:stack-name", "s"),
        ]));
        assert_eq!(desired.missing(&observed), tags([("a", "1")]));
        assert_eq!(desired.surplus(&observed), ["surplus"]);
        // The builder's own tag is never ignored.
        observed.remove(OWNER_TAG);
        let want = tags([(OWNER_TAG, "x/1")]);
        assert_eq!(desired.missing(&observed)[OWNER_TAG], want[OWNER_TAG]);
    }

    #[test]
    fn tags_of_aws_and_the_owner_tag_are_not_the_configurations() {
        let own = tags([("a", "1")]);
        let desired = DesiredTags::new(own.clone(), "x/1".to_owned(), none());
        let mut all = desired.of_new().clone();
        all.extend(tags([("aws:cloudformation:stack-name", "s")]));
        assert_eq!(settable(&all), own);
        assert!(desired.are_those_of(&all));
    }
}
