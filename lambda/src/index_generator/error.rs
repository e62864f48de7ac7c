//! Failures of an invocation.

use lambda_runtime::Diagnostic;
use soci::Digest;

use crate::event::InvalidEvent;
use crate::invoke::InvokeFailed;
use crate::variables::InvalidVariable;

/// Reasons why an image could not be indexed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Configuration(#[from] InvalidVariable),
    #[error(transparent)]
    Event(#[from] InvalidEvent),
    #[error("cannot get an authorization token from Amazon ECR: {0}")]
    Authorization(String),
    #[error("registry {endpoint:?}: {reason}")]
    Registry { endpoint: String, reason: String },
    #[error(transparent)]
    Soci(#[from] soci::Error),
    #[error("the tag {tag:?} kept moving to other images while they were indexed")]
    Moving { tag: String },
    #[error(
        "the tag {tag:?} is immutable and names {got}, want {want}: delete the tag, or exclude \
         tags that end in {suffix:?} from the repository's tag immutability"
    )]
    Immutable {
        tag: String,
        suffix: String,
        got: Digest,
        want: Digest,
    },
    #[error(transparent)]
    Outdated(Box<Outdated>),
    #[error(
        "stopped after {seconds} s, before the function's time limit: {progress}{}; allow the \
         function more time or more memory (which brings more CPU)",
        if *.remembers { " (no layer was finished, or the event was continued too often)" } else { "" }
    )]
    Deadline {
        seconds: u64,
        progress: String,
        /// Whether layers are remembered, so that another invocation could have continued.
        remembers: bool,
    },
    #[error("cannot delete {tag:?}: {reason}")]
    Removal { tag: String, reason: String },
    #[error("the time limit was reached, and continuing in another invocation failed: {0}")]
    Continue(#[from] InvokeFailed),
}

/// An output's tag that may not follow its source.
#[derive(Debug, thiserror::Error)]
#[error(
    "the tag {tag:?} names {got}, made of an earlier image of {source_tag:?}: {digest} has no \
     index ({reason}), and the function is configured not to tag such images"
)]
pub(super) struct Outdated {
    pub tag: String,
    pub source_tag: String,
    pub got: Digest,
    pub digest: Digest,
    pub reason: String,
}

impl Error {
    /// Returns whether another attempt at the same event must fail in the same way, because the
    /// cause is the event, the image's content, or a tag that cannot be moved.
    ///
    /// Failures that depend on time, load, permissions or settings are not final: an administrator,
    /// or AWS itself, may fix the cause before Lambda retries.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Event(_) | Self::Immutable { .. } | Self::Outdated(_) => true,
            Self::Soci(error) => is_about_content(error),
            Self::Configuration(_)
            | Self::Authorization(_)
            | Self::Registry { .. }
            | Self::Moving { .. }
            | Self::Deadline { .. }
            | Self::Removal { .. }
            | Self::Continue(_) => false,
        }
    }

    /// Returns the error's name, as used in the invocation's response and at the failure
    /// destination.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Configuration(_) => "InvalidConfiguration",
            Self::Event(_) => "InvalidEvent",
            Self::Authorization(_) => "NoAuthorization",
            Self::Registry { .. } => "WrongRegistry",
            Self::Soci(error) if is_about_content(error) => "InvalidImage",
            Self::Soci(_) => "IndexingFailed",
            Self::Moving { .. } => "TagKeepsMoving",
            Self::Immutable { .. } => "TagImmutable",
            Self::Outdated(_) => "TagOutdated",
            Self::Deadline { .. } => "DeadlineExceeded",
            Self::Removal { .. } => "RemovalFailed",
            Self::Continue(_) => "InvokeFailed",
        }
    }
}

/// Returns whether an error concerns bytes that are pinned by a digest.
fn is_about_content(error: &soci::Error) -> bool {
    use soci::Error as E;
    matches!(
        error,
        E::DigestMismatch { .. }
            | E::SizeMismatch { .. }
            | E::TooLarge { .. }
            | E::Json(_)
            | E::Manifest { .. }
    )
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self {
            error_type: error.kind().to_owned(),
            error_message: error.to_string(),
        }
    }
}
