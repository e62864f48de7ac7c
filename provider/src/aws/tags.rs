//! Tags in the provider configuration, and AWS's rules for tags.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin_sdk::Value;

/// Prefix of environment variables with default tags.
const DEFAULT_VARIABLE: &str = "TF_AWS_DEFAULT_TAGS_";
/// Environment variables with ignored keys and key prefixes, separated by commas.
const IGNORED_KEYS_VARIABLE: &str = "TF_AWS_IGNORE_TAGS_KEYS";
const IGNORED_PREFIXES_VARIABLE: &str = "TF_AWS_IGNORE_TAGS_KEY_PREFIXES";

/// Prefix of the keys that are reserved for AWS, in any case.
const RESERVED: &str = "aws:";
/// Maximum number of characters of a key.
const MAX_KEY: usize = 128;
/// Maximum number of characters of a value.
const MAX_VALUE: usize = 256;

/// Environment variables by name.
pub(super) type Variables = BTreeMap<String, String>;

/// Merges the default tags of the environment and the configuration. Returns `None` while they are
/// not known yet.
pub(super) fn default_tags(config: &Value, environment: &Variables) -> Option<Variables> {
    let configured = in_block(config, "default_tags", "tags")?;
    let variables = environment.iter().filter_map(|(name, value)| {
        let key = name.strip_prefix(DEFAULT_VARIABLE)?;
        (!key.is_empty()).then(|| (key.to_owned(), value.clone()))
    });
    let mut tags: BTreeMap<_, _> = variables.collect();
    for (key, value) in configured.as_map().into_iter().flatten() {
        if let Some(value) = value.as_str() {
            tags.insert(key.clone(), value.to_owned());
        }
    }
    Some(tags)
}

/// Returns an attribute of an optional single block, unless it is not known yet.
fn in_block<'a>(config: &'a Value, block: &str, attribute: &str) -> Option<&'a Value> {
    let block = match config.get(block) {
        Value::List(blocks) => blocks.first().unwrap_or(&Value::Null),
        other => other,
    };
    let value = block.get(attribute);
    (!block.is_unknown() && value.is_wholly_known()).then_some(value)
}

/// Tags that are managed elsewhere, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IgnoredTags {
    keys: BTreeSet<String>,
    prefixes: BTreeSet<String>,
}

impl IgnoredTags {
    /// Merges the ignored tags of the environment and the configuration. Returns `None` while they
    /// are not known yet.
    pub(super) fn read(config: &Value, environment: &Variables) -> Option<Self> {
        let read = |attribute, variable| {
            let configured = in_block(config, "ignore_tags", attribute)?;
            let configured = configured.as_list().into_iter().flatten();
            let listed = environment.get(variable).into_iter();
            let listed = listed.flat_map(|list| list.split(','));
            let all = configured.filter_map(Value::as_str).chain(listed);
            let all = all.map(str::trim).filter(|text| !text.is_empty());
            Some(all.map(str::to_owned).collect())
        };
        Some(Self {
            keys: read("keys", IGNORED_KEYS_VARIABLE)?,
            prefixes: read("key_prefixes", IGNORED_PREFIXES_VARIABLE)?,
        })
    }

    /// Returns a value that ignores every tag, for use while the configured ones are not known.
    pub(crate) fn every() -> Self {
        Self {
            prefixes: [String::new()].into(),
            ..Self::default()
        }
    }

    /// Returns a value that ignores these keys.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(keys: [&str; N]) -> Self {
        Self {
            keys: keys.map(str::to_owned).into(),
            ..Self::default()
        }
    }

    /// Returns whether a tag with this key is ignored.
    pub(crate) fn contains(&self, key: &str) -> bool {
        let mut prefixes = self.prefixes.iter();
        self.keys.contains(key) || prefixes.any(|prefix| key.starts_with(prefix))
    }
}

/// Returns whether a key is reserved for AWS.
pub(crate) fn is_reserved(key: &str) -> bool {
    let prefix = key.get(..RESERVED.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(RESERVED))
}

/// Returns what is wrong with a tag according to the rules shared by IAM, STS, Lambda and
/// CloudWatch Logs. Those of EventBridge are weaker.
pub(crate) fn tag_fault(key: &str, value: &str) -> Option<String> {
    let quoted: String = key.chars().take(MAX_KEY).collect();
    let (of_key, of_value) = (key.chars().count(), value.chars().count());
    let not_allowed = |text: &str| text.chars().find(|c| !is_allowed(*c));
    if key.is_empty() {
        Some("A key is empty. Choose another.".to_owned())
    } else if of_key > MAX_KEY {
        Some(format!(
            "The key {quoted:?}… has {of_key} characters, want at most {MAX_KEY}."
        ))
    } else if is_reserved(key) {
        Some(format!(
            "The key {quoted:?} starts with aws:, which is reserved for AWS. Choose another."
        ))
    } else if let Some(c) = not_allowed(key) {
        Some(format!(
            "The key {quoted:?} contains {c:?}, want letters, digits, spaces, and _ . : / = + - @."
        ))
    } else if of_value > MAX_VALUE {
        Some(format!(
            "The value of {quoted:?} has {of_value} characters, want at most {MAX_VALUE}."
        ))
    } else {
        let c = not_allowed(value)?;
        Some(format!(
            "The value of {quoted:?} contains {c:?}, want letters, digits, spaces, and \
             _ . : / = + - @."
        ))
    }
}

/// Returns whether tags may contain a character: Unicode letters, numbers and separators, and some
/// symbols.
fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<const N: usize>(variables: [(&str, &str); N]) -> Variables {
        variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    fn in_block(block: &str, attributes: Value) -> Value {
        Value::object([(block, Value::List(vec![attributes]))])
    }

    #[test]
    fn default_tags_come_from_both() {
        let tags = |tags: Value| in_block("default_tags", Value::object([("tags", tags)]));
        let variables = environment([
            ("TF_AWS_DEFAULT_TAGS_a", "1"),
            ("TF_AWS_DEFAULT_TAGS_b", "2"),
            ("PATH", "x"),
        ]);
        let config = tags(Value::object([("b", "3".into()), ("c", Value::Null)]));
        let got = default_tags(&config, &variables).expect("all is known");
        assert_eq!(got, environment([("a", "1"), ("b", "3")]));
        assert_eq!(default_tags(&tags(Value::Unknown), &variables), None);
        assert_eq!(
            default_tags(&Value::Null, &Variables::new()),
            Some(BTreeMap::new())
        );
    }

    #[test]
    fn ignored_tags_come_from_both() {
        let config = in_block(
            "ignore_tags",
            Value::object([
                ("keys", Value::from(vec!["Scanned"])),
                ("key_prefixes", Value::from(vec!["c7n:"])),
            ]),
        );
        let variables = environment([
            (IGNORED_KEYS_VARIABLE, "Cost, Owner,"),
            (IGNORED_PREFIXES_VARIABLE, "map-"),
        ]);
        let ignored = IgnoredTags::read(&config, &variables).expect("all is known");
        for (key, want) in [
            ("Scanned", true),
            ("Scanned2", false),
            ("scanned", false),
            ("c7n:policy", true),
            ("Cost", true),
            ("Owner", true),
            ("map-migrated", true),
            ("", false),
        ] {
            assert_eq!(ignored.contains(key), want, "{key}");
        }
        let nothing = IgnoredTags::read(&Value::Null, &Variables::new());
        assert_eq!(nothing, Some(IgnoredTags::default()));
        for unknown in [
            Value::Unknown,
            Value::object([("keys", Value::from(vec![Value::Unknown]))]),
            Value::object([("key_prefixes", Value::Unknown)]),
        ] {
            let config = in_block("ignore_tags", unknown);
            assert_eq!(IgnoredTags::read(&config, &Variables::new()), None);
        }
        assert!(IgnoredTags::every().contains("a"));
    }

    #[test]
    fn faults_of_tags() {
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
        for (key, value, want) in [
            ("", "", "is empty"),
            (&*long_key, "", "129 characters"),
            ("k", &*long_value, "257 characters"),
            ("AWS:x", "", "reserved"),
            ("a,b", "", "contains ','"),
            ("a\nb", "", "contains '\\n'"),
            ("k", "100%", "contains '%'"),
            ("k", "<x>", "contains '<'"),
        ] {
            let fault = tag_fault(key, value).expect(want);
            assert!(fault.contains(want), "{fault}");
        }
        for (key, value) in [
            ("k", ""),
            ("Büro ½ 東京", "a_b.c:d/e=f+g-h@i 1"),
            (&"ü".repeat(128), &"ü".repeat(256)),
            ("awsx", "aws:"),
        ] {
            assert_eq!(tag_fault(key, value), None, "{key}");
        }
    }
}
