//! Validators of single attributes.
//!
//! A validator receives only known values: unknown values may still turn out to be valid, and the
//! schema decides whether null is allowed. Diagnostics get the path of the attribute; a path that
//! they already have is relative to it. Checks across several attributes belong in
//! [`Resource::validate`](crate::Resource::validate).
//!
//! ```
//! use tfplugin_sdk::{Attribute, Diagnostic, Type, Value, validators};
//!
//! let version = Attribute::string().optional().validate(validators::one_of(["V1", "V2"]));
//! let ports = Attribute::list(Type::Number)
//!     .optional()
//!     .validate(validators::length(1..=8))
//!     .validate(validators::each(validators::number_range(1..=65535)));
//! let even = Attribute::number().optional().validate(|value: &Value| match value.as_i64() {
//!     Some(n) if n % 2 == 0 => Ok(()),
//!     _ => Err(Diagnostic::error("Invalid number", "The number must be even.")),
//! });
//! # let _ = (version, ports, even);
//! ```

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::{AttributePath, Step};
use crate::value::{Number, Value};

type Check = dyn Fn(&Value) -> Diagnostics + Send + Sync;

/// A validator for known values.
#[derive(Clone)]
pub struct Validator {
    check: Arc<Check>,
    /// Whether the check itself skips unknown values within the value.
    looks_inside: bool,
}

impl Validator {
    /// Creates a validator that may report several errors.
    #[must_use]
    pub fn new(check: impl Fn(&Value) -> Diagnostics + Send + Sync + 'static) -> Self {
        Self {
            check: Arc::new(check),
            looks_inside: false,
        }
    }

    /// Runs the check, unless the value is null or not wholly known.
    pub(crate) fn run(&self, value: &Value, path: &AttributePath, found: &mut Diagnostics) {
        if value.is_null() || value.is_unknown() {
            return;
        }
        if self.looks_inside || value.is_wholly_known() {
            found.extend((self.check)(value).into_iter().map(|d| d.below(path)));
        }
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

impl<F> From<F> for Validator
where
    F: Fn(&Value) -> Result<(), Diagnostic> + Send + Sync + 'static,
{
    fn from(check: F) -> Self {
        Self::new(move |value| match check(value) {
            Ok(()) => Diagnostics::new(),
            Err(diagnostic) => diagnostic.into(),
        })
    }
}

/// Validates a string with a function.
pub fn string(check: impl Fn(&str) -> Result<(), Diagnostic> + Send + Sync + 'static) -> Validator {
    Validator::from(move |value: &Value| value.as_str().map_or(Ok(()), &check))
}

/// Requires the string to be one of the given values.
pub fn one_of<S: Into<String>>(allowed: impl IntoIterator<Item = S>) -> Validator {
    let allowed: Vec<String> = allowed.into_iter().map(Into::into).collect();
    string(move |text| {
        if allowed.iter().any(|a| a == text) {
            return Ok(());
        }
        let allowed: Vec<_> = allowed.iter().map(|a| format!("{a:?}")).collect();
        Err(Diagnostic::error(
            "Value not allowed",
            format!("Got {}, want one of {}.", quote(text), allowed.join(", ")),
        ))
    })
}

/// Requires the length to be in a range: characters of a string, or elements of a collection.
pub fn length(allowed: RangeInclusive<usize>) -> Validator {
    Validator::from(move |value: &Value| {
        let (got, unit) = match value {
            Value::String(text) => (text.chars().count(), "characters"),
            Value::List(items) => (items.len(), "elements"),
            Value::Map(items) => (items.len(), "elements"),
            _ => return Ok(()),
        };
        if allowed.contains(&got) {
            return Ok(());
        }
        Err(Diagnostic::error(
            "Length out of range",
            format!(
                "Got {got} {unit}, want {}.",
                bounds(allowed.start(), allowed.end())
            ),
        ))
    })
}

/// Requires the number to be an integer in the given range.
pub fn number_range(allowed: RangeInclusive<i64>) -> Validator {
    Validator::from(move |value: &Value| {
        let Some(number) = value.as_number() else {
            return Ok(());
        };
        if number.as_i64().is_some_and(|n| allowed.contains(&n)) {
            return Ok(());
        }
        let (low, high) = (Number::from(*allowed.start()), Number::from(*allowed.end()));
        Err(Diagnostic::error(
            "Number out of range",
            format!(
                "Got {number}, want a whole number, {}.",
                bounds(&low, &high)
            ),
        ))
    })
}

/// Validates every known element of the collection. Errors carry the element's path.
pub fn each(validator: impl Into<Validator>) -> Validator {
    let validator = validator.into();
    let each = Validator::new(move |value| {
        let mut found = Diagnostics::new();
        match value {
            Value::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    let path = AttributePath::new().with(Step::Index(i));
                    validator.run(item, &path, &mut found);
                }
            }
            Value::Map(items) => {
                for (key, item) in items {
                    validator.run(item, &AttributePath::new().key(key), &mut found);
                }
            }
            _ => {}
        }
        found
    });
    Validator {
        looks_inside: true,
        ..each
    }
}

fn bounds<T: fmt::Display>(low: &T, high: &T) -> String {
    format!("{low} to {high}")
}

/// Quotes a value for a message, shortening it if it is long.
fn quote(text: &str) -> String {
    const MOST: usize = 100;
    if text.chars().count() <= MOST {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(MOST).collect();
    format!("{head:?} and more")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(validator: &Validator, value: &Value) -> Vec<(String, String)> {
        let mut found = Diagnostics::new();
        validator.run(value, &AttributePath::from("a"), &mut found);
        let found = found.into_iter().map(|d| (d.path.to_string(), d.detail));
        found.collect()
    }

    #[test]
    fn stock_checks() {
        let table: Vec<(Validator, Value, Option<&str>)> = vec![
            (one_of(["x", "y"]), "x".into(), None),
            (
                one_of(["x", "y"]),
                "z".into(),
                Some(r#"Got "z", want one of "x", "y"."#),
            ),
            (length(1..=2), "éé".into(), None),
            (
                length(1..=2),
                "".into(),
                Some("Got 0 characters, want 1 to 2."),
            ),
            (
                length(1..=2),
                vec!["a"; 3].into(),
                Some("Got 3 elements, want 1 to 2."),
            ),
            (number_range(0..=9), 9_i64.into(), None),
            (
                number_range(0..=9),
                10_i64.into(),
                Some("Got 10, want a whole number, 0 to 9."),
            ),
            (
                number_range(0..=9),
                0.5.into(),
                Some("Got 0.5, want a whole number, 0 to 9."),
            ),
        ];
        for (validator, value, want) in table {
            let got = run(&validator, &value);
            let got = got.first().map(|(path, detail)| {
                assert_eq!(path, "a");
                detail.as_str()
            });
            assert_eq!(got, want, "{value:?}");
        }
    }

    #[test]
    fn unknown_and_null_pass() {
        let never = Validator::from(|_: &Value| Err(Diagnostic::error("never", "")));
        assert!(run(&never, &Value::Null).is_empty());
        assert!(run(&never, &Value::Unknown).is_empty());
        assert!(run(&never, &Value::List(vec![Value::Unknown])).is_empty());
        assert_eq!(run(&never, &true.into()).len(), 1);
    }

    #[test]
    fn each_names_all_bad_elements() {
        let value = Value::List(vec!["y".into(), Value::Unknown, "z".into()]);
        let got = run(&each(one_of(["x"])), &value);
        let paths: Vec<_> = got.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["a[0]", "a[2]"]);
    }
}
