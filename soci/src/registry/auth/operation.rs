//! Operations on a repository.

/// An operation on the repository. Tokens are requested with only the permissions it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::registry) enum Operation {
    Pull,
    Push,
    Delete,
}

impl Operation {
    /// Returns the actions of a token's scope.
    pub(super) fn actions(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "pull,push,delete",
        }
    }
}
