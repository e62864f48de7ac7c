//! Tags: those of the configuration, the provider's defaults, and the builder's own.

use std::collections::BTreeMap;

use tfplugin_sdk::Value;

use super::names::OWNER_TAG;

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;
/// The argument `tags`, in which a value may be null.
pub(super) type ConfiguredTags = BTreeMap<String, Option<String>>;

/// Prefix of the tags that AWS sets, of CloudFormation for instance. They cannot be changed.
const AWS_PREFIX: &str = "aws:";

/// Merges the argument `tags` over the provider's defaults. Unknown while any of them is.
pub(super) fn planned(tags: &Value, defaults: &Tags) -> Value {
    if !tags.is_wholly_known() {
        return Value::Unknown;
    }
    let own = tags.as_map().into_iter().flatten();
    let own = own.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    merge(own, defaults).into()
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

/// Adds the owner tag.
pub(super) fn with_owner(mut tags: Tags, owner: String) -> Tags {
    tags.insert(OWNER_TAG.to_owned(), owner);
    tags
}

/// Returns whether parts with these tags belong to the same resource.
pub(super) fn have_one_owner(one: &Tags, other: &Tags) -> bool {
    let owner = one.get(OWNER_TAG);
    owner.is_some() && owner == other.get(OWNER_TAG)
}

/// Returns the tags of a part that a configuration can set.
pub(super) fn settable(tags: &Tags) -> Tags {
    let mut tags = without_aws(tags);
    tags.remove(OWNER_TAG);
    tags
}

/// Returns the tags of a part that are not AWS's own.
pub(super) fn without_aws(tags: &Tags) -> Tags {
    let mut tags = tags.clone();
    tags.retain(|key, _| !key.starts_with(AWS_PREFIX));
    tags
}

/// Returns the argument `tags` for what the parts have: all but the defaults. A default that was
/// `recorded` as the configuration's own stays its own.
pub(super) fn configured(
    all: &Tags,
    defaults: &Tags,
    recorded: Option<&ConfiguredTags>,
) -> Option<ConfiguredTags> {
    let mut tags = all.clone();
    tags.retain(|key, value| {
        recorded.is_some_and(|own| own.contains_key(key)) || defaults.get(key) != Some(value)
    });
    let tags: ConfiguredTags = tags
        .into_iter()
        .map(|(key, value)| (key, Some(value)))
        .collect();
    (!tags.is_empty() || recorded.is_some()).then_some(tags)
}

/// Returns the keys of tags that a part has and should not have.
pub(super) fn surplus(observed: &Tags, desired: &Tags) -> Vec<String> {
    let surplus = observed.keys().filter(|key| !desired.contains_key(*key));
    surplus.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags<const N: usize>(tags: [(&str, &str); N]) -> Tags {
        tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn own_tags_override_defaults() {
        let defaults = tags([("a", "1"), ("b", "2")]);
        let own = Value::object([("b", "own".into()), ("c", "3".into()), ("d", Value::Null)]);
        let want = tags([("a", "1"), ("b", "own"), ("c", "3")]);
        assert_eq!(planned(&own, &defaults), want.clone().into());
        assert_eq!(all(own.to().as_ref().ok(), &defaults), want);
        let own = Value::object([("c", Value::Unknown)]);
        assert_eq!(planned(&own, &defaults), Value::Unknown);
        assert_eq!(
            planned(&Value::Null, &Tags::new()),
            Value::Map(BTreeMap::new())
        );
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
            // Changed, added, and removed by somebody.
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
            let got = configured(&observed, &defaults, recorded.as_ref());
            assert_eq!(got, want.map(optional), "{observed:?}");
        }
    }

    #[test]
    fn tags_of_aws_and_the_owner_tag_are_not_the_configurations() {
        let aws = tags([("aws:cloudformation:stack-name", "s"), ("a", "1")]);
        let all = with_owner(aws, "x/1".to_owned());
        assert_eq!(settable(&all), tags([("a", "1")]));
        let own = with_owner(tags([("a", "1")]), "x/1".to_owned());
        assert_eq!(without_aws(&all), own);
    }
}
