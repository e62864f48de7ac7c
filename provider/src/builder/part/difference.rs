//! Descriptions of how a part in AWS differs from the desired one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// A property of a part. Descriptions of it follow its name.
pub(super) trait Property: PartialEq {
    /// Describes the `observed` value and the desired one: `is 128, want 512`.
    fn difference(&self, observed: &Self) -> String;
}

/// Describes how a property differs, if it does.
pub(super) fn difference<T: Property>(name: &str, desired: &T, observed: &T) -> Option<String> {
    (desired != observed).then(|| format!("{name} {}", desired.difference(observed)))
}

/// Describes what differs in a set of named items, such as the policies of a role.
pub(super) fn entries<T: Property>(
    thing: &str,
    desired: &BTreeMap<String, T>,
    observed: &BTreeMap<String, T>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (name, entry) in desired {
        let thing = format!("{thing} {name:?}");
        match observed.get(name) {
            None => found.push(format!("{thing} missing")),
            Some(observed) => found.extend(difference(&thing, entry, observed)),
        }
    }
    let unmanaged = unmanaged(desired, observed);
    found.extend(unmanaged.map(|name| format!("unmanaged {thing} {name:?}")));
    found
}

/// Returns the names of entries that were added elsewhere.
pub(super) fn unmanaged<'a, T, U>(
    desired: &'a BTreeMap<String, T>,
    observed: &'a BTreeMap<String, U>,
) -> impl Iterator<Item = &'a String> {
    observed.keys().filter(|name| !desired.contains_key(*name))
}

/// Joins the differences in a property of several parts.
pub(super) fn joined(differences: impl IntoIterator<Item = String>) -> String {
    let differences: Vec<String> = differences.into_iter().collect();
    match differences.is_empty() {
        true => "differs".to_owned(),
        false => format!("differs: {}", differences.join(", ")),
    }
}

/// Describes how the fields of a struct differ. Does not compile if a field is missing.
macro_rules! field_differences {
    ($type:ident { $($field:ident: $name:literal),+ $(,)? }, $desired:expr, $observed:expr) => {{
        let (desired, $type { $($field),+ }) = ($desired, $observed);
        let found = [$($crate::builder::part::difference::difference($name, &desired.$field, $field)),+];
        found.into_iter().flatten().collect::<Vec<String>>()
    }};
}
pub(super) use field_differences;

impl Property for i64 {
    fn difference(&self, observed: &Self) -> String {
        format!("is {observed}, want {self}")
    }
}

impl Property for bool {
    fn difference(&self, observed: &Self) -> String {
        let word = |on: bool| if on { "on" } else { "off" };
        format!("is {}, want {}", word(*observed), word(*self))
    }
}

impl Property for String {
    fn difference(&self, observed: &Self) -> String {
        format!("is {observed:?}, want {self:?}")
    }
}

impl Property for Option<String> {
    fn difference(&self, observed: &Self) -> String {
        let word = |text: &Self| match text {
            Some(text) => format!("{text:?}"),
            None => "none".to_owned(),
        };
        format!("is {}, want {}", word(observed), word(self))
    }
}

impl Property for Vec<String> {
    fn difference(&self, observed: &Self) -> String {
        format!("is {observed:?}, want {self:?}")
    }
}

impl Property for BTreeSet<String> {
    fn difference(&self, observed: &Self) -> String {
        let list = |set: &Self| set.iter().cloned().collect::<Vec<_>>();
        list(self).difference(&list(observed))
    }
}

/// Environment variables. Their values are not quoted, because they may contain secrets.
impl Property for BTreeMap<String, String> {
    fn difference(&self, observed: &Self) -> String {
        joined(keys("", self, observed))
    }
}

/// Policies. Statements with IDs are named.
impl Property for Json {
    fn difference(&self, observed: &Self) -> String {
        joined(keys("statement ", &statements(self), &statements(observed)))
    }
}

/// Describes which entries differ, by name only.
fn keys<'a, T: PartialEq>(
    thing: &'a str,
    desired: &'a BTreeMap<String, T>,
    observed: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = String> + 'a {
    let own = desired.iter().filter_map(move |(name, entry)| {
        let how = match observed.get(name) {
            None => "missing",
            Some(observed) if observed != entry => "changed",
            Some(_) => return None,
        };
        Some(format!("{thing}{name:?} {how}"))
    });
    let unmanaged = unmanaged(desired, observed);
    own.chain(unmanaged.map(move |name| format!("unmanaged {thing}{name:?}")))
}

fn statements(policy: &Json) -> BTreeMap<String, &Json> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let named = statements.filter_map(|statement| {
        let id = statement["Sid"].as_str()?;
        Some((id.to_owned(), statement))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_sides_are_named() {
        let text = |text: &str| text.to_owned();
        assert_eq!(difference("x", &1, &1), None);
        for (found, want) in [
            (difference("x", &1, &2), "x is 2, want 1"),
            (difference("x", &true, &false), "x is off, want on"),
            (
                difference("x", &text("a"), &text("b")),
                r#"x is "b", want "a""#,
            ),
            (
                difference("x", &None, &Some(text("b"))),
                r#"x is "b", want none"#,
            ),
            (
                difference("x", &vec![text("a")], &Vec::new()),
                r#"x is [], want ["a"]"#,
            ),
        ] {
            assert_eq!(found.as_deref(), Some(want));
        }
    }

    #[test]
    fn values_of_variables_stay_out() {
        let variables = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
            let list = list.iter();
            list.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let desired = variables(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let observed = variables(&[("a", "1"), ("b", "secret"), ("d", "secret")]);
        assert_eq!(
            difference("environment", &desired, &observed).as_deref(),
            Some(r#"environment differs: "b" changed, "c" missing, unmanaged "d""#)
        );
    }

    #[test]
    fn statements_are_named() {
        let policy = |statements: Json| json!({"Version": "2012-10-17", "Statement": statements});
        let desired = policy(json!([{"Sid": "a", "Effect": "Allow"}, {"Sid": "b"}]));
        for (observed, want) in [
            (
                policy(json!([{"Sid": "a"}, {"Sid": "c"}])),
                r#"p differs: statement "a" changed, statement "b" missing, unmanaged statement "c""#,
            ),
            (json!({"Statement": desired["Statement"]}), "p differs"),
        ] {
            assert_eq!(difference("p", &desired, &observed).as_deref(), Some(want));
        }
    }
}
