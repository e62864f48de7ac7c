//! Reading a function's environment.

use std::fmt;

/// A variable whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name}: got {got}, want {want}")]
pub(crate) struct InvalidVariable {
    name: &'static str,
    got: String,
    want: String,
}

/// Where variables come from; tests have their own.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables of this process. One that is empty counts as not set, as AWS has it.
pub(crate) fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A variable of a function.
pub(crate) struct Variable {
    name: &'static str,
    value: Option<String>,
}

impl Variable {
    pub(crate) fn read(lookup: Lookup<'_>, name: &'static str) -> Self {
        let value = lookup(name).filter(|value| !value.is_empty());
        Self { name, value }
    }

    /// The value; nothing if it is not set.
    pub(crate) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Why the value is refused.
    pub(crate) fn refuse(&self, want: impl fmt::Display) -> InvalidVariable {
        let quoted = |value: &str| {
            let value: String = value.chars().take(200).collect();
            format!("{value:?}")
        };
        InvalidVariable {
            name: self.name,
            got: self.value().map_or("nothing".to_owned(), quoted),
            want: want.to_string(),
        }
    }

    /// What `parse` makes of the value; `default` if it is not set.
    pub(crate) fn parse_or<T>(
        &self,
        default: T,
        want: impl fmt::Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, InvalidVariable> {
        match self.value() {
            None => Ok(default),
            Some(value) => parse(value).ok_or_else(|| self.refuse(want)),
        }
    }
}

/// The output tag's suffix.
pub(crate) fn tag_suffix(lookup: Lookup<'_>) -> Result<String, InvalidVariable> {
    use crate::environment::{TAG_SUFFIX, TAG_SUFFIX_DEFAULT};
    let sound = |suffix: &str| {
        let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        suffix.len() <= 64 && suffix.bytes().all(sound)
    };
    Variable::read(lookup, TAG_SUFFIX).parse_or(
        TAG_SUFFIX_DEFAULT.to_owned(),
        "at most 64 letters, digits, and . _ -",
        |suffix| sound(suffix).then(|| suffix.to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        let suffix = |value: &str| tag_suffix(&|_| Some(value.to_owned()));
        assert_eq!(suffix("").as_deref(), Ok("-soci"));
        assert_eq!(suffix(".lazy").as_deref(), Ok(".lazy"));
        let error = suffix("/soci").unwrap_err().to_string();
        assert_eq!(
            error,
            "environment variable soci_tag_suffix: got \"/soci\", want at most 64 letters, \
             digits, and . _ -"
        );
    }
}
