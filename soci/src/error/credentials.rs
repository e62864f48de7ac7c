//! Errors from sources of credentials.

use std::sync::Arc;
use std::{fmt, io};

/// Reason why a source yields no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A login file cannot be read.
    #[error("{file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// The reason.
        source: io::Error,
    },
    /// A login file is invalid. Its content is not quoted, because it may be secret.
    #[error("{file}: line {line}, column {column}: not JSON in the form of Docker's configuration")]
    Invalid {
        /// The file.
        file: String,
        /// Line of the mistake, counted from 1.
        line: usize,
        /// Column of the mistake, counted from 1.
        column: usize,
    },
    /// An entry of a login file is invalid.
    #[error("{file}: the auth of {key:?} is not user:password in base64")]
    InvalidAuth {
        /// The file.
        file: String,
        /// The key of the entry.
        key: String,
    },
    /// A credential helper failed.
    #[error("{program}: {reason}")]
    Helper {
        /// Name of the program.
        program: String,
        /// How it ended, and its output unless that may be secret.
        reason: String,
    },
}

/// A source of credentials that was tried, and why it did not work.
#[derive(Debug, Clone)]
pub struct Tried {
    source: String,
    reason: Reason,
}

#[derive(Debug, Clone)]
enum Reason {
    /// The source has no credentials for the registry.
    None,
    /// The registry rejects the source's credentials.
    Refused(String),
    /// The source failed.
    Failed(Arc<dyn std::error::Error + Send + Sync>),
}

impl Tried {
    pub(crate) fn none(source: String) -> Self {
        let reason = Reason::None;
        Self { source, reason }
    }

    pub(crate) fn refused(source: String, refusal: String) -> Self {
        let reason = Reason::Refused(refusal);
        Self { source, reason }
    }

    pub(crate) fn failed(source: String, error: Arc<dyn std::error::Error + Send + Sync>) -> Self {
        let reason = Reason::Failed(error);
        Self { source, reason }
    }

    /// Returns the name of the source.
    pub fn source_name(&self) -> &str {
        &self.source
    }

    /// Returns the error of a source that failed.
    pub fn failure(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        match &self.reason {
            Reason::Failed(error) => Some(&**error),
            _ => None,
        }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::None => write!(f, "{}: nothing for this registry", self.source),
            Reason::Refused(refusal) => write!(f, "{}: {refusal}", self.source),
            Reason::Failed(error) => {
                let error = error.to_string();
                // Helper errors already name the program, as does the source's name.
                let program = self.source.split(' ').next().unwrap_or_default();
                let error = error
                    .strip_prefix(&format!("{}: ", self.source))
                    .or_else(|| error.strip_prefix(&format!("{program}: ")))
                    .unwrap_or(&error);
                write!(f, "{}: {error}", self.source)
            }
        }
    }
}
