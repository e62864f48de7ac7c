//! Responses of a provider.

use super::error::Error;
use crate::diagnostic::Diagnostics;
use crate::path::AttributePath;
use crate::value::Value;

/// A value that a provider returned, along with its diagnostics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The value. Present even if there are errors, because Terraform may store
    /// it.
    pub value: T,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl<T> Answer<T> {
    /// Returns the value.
    ///
    /// # Errors
    ///
    /// [`Error::Diagnostics`] if the provider reported an error.
    pub fn ok(self) -> Result<T, Error> {
        if self.diagnostics.has_errors() {
            return Err(Error::Diagnostics(self.diagnostics));
        }
        Ok(self.value)
    }
}

/// A resource as Terraform stores it. The default is one that does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// The state; null if the resource does not exist.
    pub state: Value,
    /// The private state.
    pub private: Vec<u8>,
    /// The identity, if the resource has one.
    pub identity: Option<Value>,
}

/// A resource that a list resource found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The identity.
    pub identity: Value,
    /// The human-readable name.
    pub display_name: String,
    /// The state, if it was requested and could be read.
    pub state: Option<Value>,
}

/// A plan, as returned by the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The planned state, private state and identity.
    pub planned: Instance,
    /// Attributes whose changes require replacement.
    pub replace: Vec<AttributePath>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}
