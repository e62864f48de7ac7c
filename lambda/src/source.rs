//! Ways in which images arrive in a registry, each with its own event.

use std::collections::BTreeSet;
use std::str::FromStr;

/// A way in which an image arrives in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// It is pushed by a client.
    Push,
    /// Amazon ECR copies it from an upstream registry when it is first pulled or has changed there.
    PullThroughCache,
    /// Amazon ECR copies it from another region or account.
    Replication,
}

/// The sources of images that are indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources(BTreeSet<Source>);

/// A text that is not a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("source: got {0:?}, want push, pull_through_cache or replication")]
pub struct InvalidSource(String);

impl Source {
    /// Every source.
    const ALL: [Self; 3] = [Self::Push, Self::PullThroughCache, Self::Replication];
    /// Every source, by name.
    pub const NAMES: [&str; 3] = ["push", "pull_through_cache", "replication"];

    /// Returns the source's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::PullThroughCache => "pull_through_cache",
            Self::Replication => "replication",
        }
    }

    /// Returns the `detail-type` of its event.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::Push => "ECR Image Action",
            Self::PullThroughCache => "ECR Pull Through Cache Action",
            Self::Replication => "ECR Replication Action",
        }
    }

    /// Returns the `detail.action-type` of its event, if the event has one.
    pub fn action(self) -> Option<&'static str> {
        match self {
            Self::Push => Some("PUSH"),
            Self::PullThroughCache => None,
            Self::Replication => Some("REPLICATE"),
        }
    }

    /// Returns the source whose event has this `detail-type`.
    pub(crate) fn of_event(detail_type: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|source| source.detail_type() == detail_type)
    }
}

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let found = Self::ALL.into_iter().find(|source| source.as_str() == text);
        found.ok_or_else(|| InvalidSource(text.chars().take(200).collect()))
    }
}

impl Sources {
    /// Returns all sources.
    pub fn every() -> Self {
        Self(Source::ALL.into())
    }

    /// Parses a list, separated by commas. Returns `None` if it is empty or contains an unknown
    /// name.
    pub fn parse(list: &str) -> Option<Self> {
        let sources = list.split(',').map(|name| name.parse().ok());
        Some(Self(sources.collect::<Option<_>>()?))
    }

    /// Returns whether images from this source are indexed.
    pub fn contains(&self, source: Source) -> bool {
        self.0.contains(&source)
    }

    /// Returns the sources in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Source> {
        self.0.iter().copied()
    }
}

/// Contains only pushes.
impl Default for Sources {
    fn default() -> Self {
        Self([Source::Push].into())
    }
}

impl FromIterator<Source> for Sources {
    fn from_iter<I: IntoIterator<Item = Source>>(sources: I) -> Self {
        Self(sources.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_names_and_events() {
        for (source, name) in Source::ALL.into_iter().zip(Source::NAMES) {
            assert_eq!(name.parse(), Ok(source));
            assert_eq!(source.as_str(), name);
            assert_eq!(Source::of_event(source.detail_type()), Some(source));
        }
        let error = "pull".parse::<Source>().unwrap_err().to_string();
        assert!(
            error.starts_with("source: got \"pull\", want push"),
            "{error}"
        );
        assert_eq!(Source::of_event("ECR Image Scan"), None);
    }

    #[test]
    fn lists() {
        assert_eq!(Sources::parse("push"), Some(Sources::default()));
        let all = Sources::parse("replication,push,pull_through_cache");
        assert_eq!(all, Some(Sources::every()));
        assert_eq!(Sources::every().iter().collect::<Vec<_>>(), Source::ALL);
        assert!(!Sources::default().contains(Source::Replication));
        assert_eq!(Sources::parse(""), None);
        assert_eq!(Sources::parse("push,"), None);
    }
}
