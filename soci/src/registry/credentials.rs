//! Credentials for a registry, and their sources.

mod chain;
mod file;
mod helper;
mod local;

use std::fmt;

pub use chain::{CredentialChain, CredentialSource};

/// Credentials for a registry.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// No credentials.
    #[default]
    Anonymous,
    /// A user name with a password or a token in its place.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// A token that the registry's token server exchanges for an access token (an OAuth 2.0 refresh
    /// token), for example one obtained by `az acr login`.
    IdentityToken(String),
    /// An access token for the registry.
    AccessToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic { redacted }",
            Self::IdentityToken(_) => "IdentityToken(redacted)",
            Self::AccessToken(_) => "AccessToken(redacted)",
        })
    }
}
