//! Decides whether a push concerns a builder.
//!
//! Both the event filter and the index generator use this. The rule's event pattern is a
//! translation of this decision, which may let more pass, but never less.

use std::fmt;
use std::str::FromStr;

use crate::event::{DeletionEvent, PushEvent};
use crate::filters::{Selection, Unselected};
use crate::grammar::is_attached;
use crate::source::{Source, Sources};
use crate::tag_suffix::TagSuffix;

/// Media types of the artifacts that builders push alongside images.
pub(crate) const SOCI_INDEXES: [&str; 2] = [
    "application/vnd.amazon.soci.index.v1+json",
    "application/vnd.amazon.soci.index.v2+json",
];

/// The version of the indexes that a builder publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexVersion {
    /// A referrer of the image.
    V1,
    /// Part of a SOCI-enabled image, which needs a tag.
    V2,
}

/// A text that is no index version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("index version: got {0:?}, want V1 or V2")]
pub struct InvalidIndexVersion(String);

/// The pushes that a builder indexes, apart from filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The accepted sources of images.
    pub sources: Sources,
    /// The version of the indexes. If it is unknown, no push is excluded because of it.
    pub version: Option<IndexVersion>,
    /// The suffix of the builder's own output.
    pub suffix: TagSuffix,
}

/// Reasons why a push does not concern a builder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutOfScope {
    /// It arrived in a way that the builder ignores.
    #[error("it came by {}, which is not among the sources", .0.as_str())]
    Source(Source),
    /// It is an index, not an image.
    #[error("it is a SOCI index")]
    SociIndex,
    /// It is a builder's own output, judging by its tag.
    #[error("its tag ends in {:?}, as those of SOCI-enabled images do", .0.as_str())]
    Output(TagSuffix),
    /// It is not an image but belongs to one, judging by its tag.
    #[error("its tag is that of a signature, attestation or other referrer")]
    Attached,
    /// V2 derives the output's tag from the source's.
    #[error("it was pushed without a tag, and an index of version V2 needs one")]
    Untagged,
    /// The output's tag would exceed the registry's limit (V2).
    #[error("its tag is too long to append {:?}", .0.as_str())]
    TagTooLong(TagSuffix),
    /// It is not selected by the filters and exclusions.
    #[error(transparent)]
    Unselected(#[from] Unselected),
}

impl IndexVersion {
    /// Every version, by name.
    pub const NAMES: [&str; 2] = ["V1", "V2"];

    /// Returns the version's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "V1",
            Self::V2 => "V2",
        }
    }

    /// Returns whether images without a tag can be indexed.
    pub fn takes_untagged(self) -> bool {
        self == Self::V1
    }
}

impl FromStr for IndexVersion {
    type Err = InvalidIndexVersion;

    fn from_str(text: &str) -> Result<Self, InvalidIndexVersion> {
        match text {
            "V1" => Ok(Self::V1),
            "V2" => Ok(Self::V2),
            _ => Err(InvalidIndexVersion(text.chars().take(200).collect())),
        }
    }
}

impl fmt::Display for IndexVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Scope {
    /// Decides based on everything that an event contains, including filters and exclusions.
    /// Returns the filter that matches.
    ///
    /// # Errors
    /// If the push does not concern the builder.
    pub fn decide<'a>(
        &self,
        selection: &'a Selection,
        push: &PushEvent,
    ) -> Result<&'a str, OutOfScope> {
        self.check(push)?;
        let tag = push.tag.as_deref().unwrap_or_default();
        Ok(selection.decide(&push.repository, tag)?)
    }

    /// Decides based on everything except the filters.
    ///
    /// # Errors
    /// If the push does not concern the builder.
    pub fn check(&self, push: &PushEvent) -> Result<(), OutOfScope> {
        if !self.sources.contains(push.source) {
            return Err(OutOfScope::Source(push.source));
        }
        self.check_image(push)
    }

    /// Decides like [`decide`](Self::decide), but for the deletion of an image, whatever its
    /// source.
    ///
    /// # Errors
    /// If the deletion does not concern the builder.
    pub fn decide_deletion<'a>(
        &self,
        selection: &'a Selection,
        deletion: &DeletionEvent,
    ) -> Result<&'a str, OutOfScope> {
        self.check_deletion(deletion)?;
        let tag = deletion.image.tag.as_deref().unwrap_or_default();
        Ok(selection.decide(&deletion.image.repository, tag)?)
    }

    /// Decides on a deletion based on everything except the filters.
    ///
    /// # Errors
    /// If the deletion does not concern the builder.
    pub fn check_deletion(&self, deletion: &DeletionEvent) -> Result<(), OutOfScope> {
        self.check_image(&deletion.image)
    }

    fn check_image(&self, push: &PushEvent) -> Result<(), OutOfScope> {
        let kind = push.artifact_media_type.as_deref();
        if kind.is_some_and(|kind| SOCI_INDEXES.contains(&kind)) {
            return Err(OutOfScope::SociIndex);
        }
        if push.tag.as_deref().is_some_and(is_attached) {
            return Err(OutOfScope::Attached);
        }
        let needs_tag = self
            .version
            .is_some_and(|version| !version.takes_untagged());
        match push.tag.as_deref() {
            Some(tag) if self.suffix.ends(tag) => Err(OutOfScope::Output(self.suffix.clone())),
            Some(tag) if needs_tag && self.suffix.append(tag).is_none() => {
                Err(OutOfScope::TagTooLong(self.suffix.clone()))
            }
            None if needs_tag => Err(OutOfScope::Untagged),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::Filters;

    fn push(tag: &str) -> PushEvent {
        PushEvent {
            tag: (!tag.is_empty()).then(|| tag.to_owned()),
            ..PushEvent::sample()
        }
    }

    #[test]
    fn decisions() {
        let long = "t".repeat(124);
        let attached = format!("sha256-{}.sig", "0".repeat(64));
        let suffix = TagSuffix::default();
        let (v1, v2) = (Some(IndexVersion::V1), Some(IndexVersion::V2));
        let too_long = OutOfScope::TagTooLong(suffix.clone());
        for (version, filters, tag, want) in [
            (v2, "*:*", "1.4", Ok("*:*")),
            (v2, "base:*,shop/*:1.*", "1.4", Ok("shop/*:1.*")),
            (v2, "base:*", "1.4", Err(Unselected::NoFilter.into())),
            (
                v2,
                "*:*",
                "1.4-dev",
                Err(Unselected::Excluded("*:*-dev".to_owned()).into()),
            ),
            (
                v2,
                "*:*",
                "1.4-soci",
                Err(OutOfScope::Output(suffix.clone())),
            ),
            (v2, "*:*", &attached, Err(OutOfScope::Attached)),
            (v1, "*:sha256-*", &attached, Err(OutOfScope::Attached)),
            (v2, "*:*", "", Err(OutOfScope::Untagged)),
            (v1, "*:*", "", Ok("*:*")),
            (None, "*:*", "", Ok("*:*")),
            (v2, "*:*", &long, Err(too_long)),
            (v1, "*:*", &long, Ok("*:*")),
            (None, "*:*", &long, Ok("*:*")),
        ] {
            let scope = Scope {
                sources: Sources::default(),
                version,
                suffix: suffix.clone(),
            };
            let parse = |list| Filters::parse(list).unwrap();
            let selection = Selection::new(parse(filters), parse("*:*-dev,shop/*:0.*"));
            let got = scope.decide(&selection, &push(tag));
            assert_eq!(got, want, "{version:?} {tag}");
        }
    }

    #[test]
    fn sources_are_told_apart() {
        let scope = |sources: &str| Scope {
            sources: Sources::parse(sources).unwrap(),
            version: None,
            suffix: TagSuffix::default(),
        };
        let mut image = push("1");
        assert_eq!(scope("push").check(&image), Ok(()));
        image.source = Source::PullThroughCache;
        let error = scope("push,replication").check(&image).unwrap_err();
        let want = "it came by pull_through_cache, which is not among the sources";
        assert_eq!(error.to_string(), want);
        assert_eq!(scope("pull_through_cache").check(&image), Ok(()));
    }

    #[test]
    fn a_soci_index_is_no_image() {
        let scope = Scope {
            sources: Sources::default(),
            version: None,
            suffix: TagSuffix::default(),
        };
        for kind in SOCI_INDEXES {
            let mut push = push("1");
            push.artifact_media_type = Some(kind.to_owned());
            assert_eq!(scope.check(&push), Err(OutOfScope::SociIndex));
        }
    }

    #[test]
    fn versions_have_names() {
        for name in IndexVersion::NAMES {
            let version: IndexVersion = name.parse().unwrap();
            assert_eq!(version.to_string(), name);
        }
        let error = "v2".parse::<IndexVersion>().unwrap_err().to_string();
        assert_eq!(error, "index version: got \"v2\", want V1 or V2");
    }
}
