//! Paths from a root object to a value within it.

use std::fmt;

use crate::proto::tfplugin6::{self, attribute_path::step::Selector};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into an attribute of an object, or a block.
    Attribute(String),
    /// Into an element of a map.
    Key(String),
    /// Into an element of a list or tuple.
    Index(usize),
}

/// A path such as `registry_auth[0].address`, starting at the root of a
/// configuration or state.
///
/// A path ends at a set, because elements of sets have no address in the
/// protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributePath {
    steps: Vec<Step>,
}

impl AttributePath {
    /// Returns the path of the root.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns this path extended by a step into an attribute or block.
    #[must_use]
    pub fn attribute(&self, name: impl Into<String>) -> Self {
        self.with(Step::Attribute(name.into()))
    }

    /// Returns this path extended by a step into a map.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(Step::Key(key.into()))
    }

    /// Returns this path extended by a step into a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// Returns this path extended by a step of any kind.
    #[must_use]
    pub fn with(&self, step: Step) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps }
    }

    /// Returns this path extended by all steps of another.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        let mut steps = self.steps.clone();
        steps.extend(below.steps.iter().cloned());
        Self { steps }
    }

    /// Returns the steps, starting at the root.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// Prepends a step, for errors whose path is built while they propagate.
    pub(crate) fn prepend(&mut self, step: Step) {
        self.steps.insert(0, step);
    }

    pub(crate) fn to_proto(&self) -> tfplugin6::AttributePath {
        let steps = self.steps.iter().map(|step| {
            let selector = match step {
                Step::Attribute(name) => Selector::AttributeName(name.clone()),
                Step::Key(key) => Selector::ElementKeyString(key.clone()),
                Step::Index(index) => {
                    Selector::ElementKeyInt(i64::try_from(*index).unwrap_or(i64::MAX))
                }
            };
            tfplugin6::attribute_path::Step {
                selector: Some(selector),
            }
        });
        tfplugin6::AttributePath {
            steps: steps.collect(),
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn from_proto(path: &tfplugin6::AttributePath) -> Self {
        let selectors = path.steps.iter().filter_map(|step| step.selector.as_ref());
        let steps = selectors.map(|selector| match selector {
            Selector::AttributeName(name) => Step::Attribute(name.clone()),
            Selector::ElementKeyString(key) => Step::Key(key.clone()),
            Selector::ElementKeyInt(index) => {
                Step::Index(usize::try_from(*index).unwrap_or(usize::MAX))
            }
        });
        Self {
            steps: steps.collect(),
        }
    }
}

impl From<&str> for AttributePath {
    /// Creates the path of an attribute at the root. Dots are not parsed.
    fn from(name: &str) -> Self {
        Self::new().attribute(name)
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            match step {
                Step::Attribute(name) if i == 0 => write!(f, "{name}")?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_like_terraform() {
        let path = AttributePath::from("auth")
            .index(2)
            .attribute("env")
            .key("A b");
        assert_eq!(path.to_string(), r#"auth[2].env["A b"]"#);
        assert_eq!(path.to_proto().steps.len(), 4);
        assert!(AttributePath::new().is_root());
    }
}
