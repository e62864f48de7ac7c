//! Reading of a function's environment.

use std::fmt;

use crate::environment::{INDEX_VERSION, TAG_SUFFIX};
use crate::scope::IndexVersion;
use crate::tag_suffix::TagSuffix;

/// A variable whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {name}: got {got}, want {want}")]
pub(crate) struct InvalidVariable {
    name: &'static str,
    got: String,
    want: String,
}

/// A source of variables. Tests have their own.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a variable of this process.
pub(crate) fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// An environment variable of a function.
pub(crate) struct Variable {
    name: &'static str,
    value: Option<String>,
}

impl Variable {
    /// Reads a variable. An empty one counts as unset, as in AWS's own tools.
    pub(crate) fn read(lookup: Lookup<'_>, name: &'static str) -> Self {
        let value = lookup(name).filter(|value| !value.is_empty());
        Self { name, value }
    }

    /// Returns the value, or `None` if it is unset.
    pub(crate) fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Creates the error for an invalid value.
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

    /// Parses the value, or returns `default` if it is unset.
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

/// Reads a boolean variable.
pub(crate) fn truth(
    lookup: Lookup<'_>,
    name: &'static str,
    default: bool,
) -> Result<bool, InvalidVariable> {
    let variable = Variable::read(lookup, name);
    variable.parse_or(default, "true or false", |text| text.parse().ok())
}

/// Reads the suffix of the output's tag.
pub(crate) fn tag_suffix(lookup: Lookup<'_>) -> Result<TagSuffix, InvalidVariable> {
    Variable::read(lookup, TAG_SUFFIX).parse_or(
        TagSuffix::default(),
        TagSuffix::GRAMMAR,
        |suffix| suffix.parse().ok(),
    )
}

/// Reads the version of the indexes; `None` if it is unset.
pub(crate) fn index_version(lookup: Lookup<'_>) -> Result<Option<IndexVersion>, InvalidVariable> {
    let variable = Variable::read(lookup, INDEX_VERSION);
    variable.parse_or(None, "V1 or V2", |version| version.parse().ok().map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        let suffix = |value: &str| tag_suffix(&|_| Some(value.to_owned()));
        assert_eq!(suffix(""), Ok(TagSuffix::default()));
        assert_eq!(suffix(".lazy").unwrap().as_str(), ".lazy");
        let error = suffix("/soci").unwrap_err().to_string();
        assert_eq!(
            error,
            "environment variable soci_tag_suffix: got \"/soci\", want 1 to 64 letters, digits, \
             and . _ -"
        );
    }
}
