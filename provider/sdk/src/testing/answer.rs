//! Answers of a provider.

use super::error::Error;
use crate::diagnostic::Diagnostics;
use crate::path::AttributePath;
use crate::value::Value;

/// A value that a provider returned, and the diagnostics beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The value; present beside errors too, as Terraform may store it.
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
    /// The state; null if there is no resource.
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
    /// The name for people.
    pub display_name: String,
    /// The state, if it was asked for and could be read.
    pub state: Option<Value>,
}

/// A plan, as the provider returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The planned state, private state and identity.
    pub planned: Instance,
    /// Attributes whose change requires a replacement.
    pub replace: Vec<AttributePath>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}
