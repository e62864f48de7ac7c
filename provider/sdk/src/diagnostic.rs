//! Errors and warnings for Terraform's users.

use crate::path::AttributePath;
use crate::proto::tfplugin6;
use crate::value::ValueError;

/// Severity of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The operation has failed.
    Error,
    /// The operation continues.
    Warning,
}

/// An error or warning.
///
/// The summary is general and contains no values. The detail gives the cause,
/// the context and the next action. The path names the attribute. None of them
/// may contain a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Summary, in one line.
    pub summary: String,
    /// Detail, in any number of lines.
    pub detail: String,
    /// The attribute at fault; the root if there is none.
    pub path: AttributePath,
}

impl Diagnostic {
    /// Creates an error.
    #[must_use]
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Severity::Error, summary.into(), detail.into())
    }

    /// Creates a warning.
    #[must_use]
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Severity::Warning, summary.into(), detail.into())
    }

    fn new(severity: Severity, summary: String, detail: String) -> Self {
        Self {
            severity,
            summary,
            detail,
            path: AttributePath::new(),
        }
    }

    /// Creates an error for a bug in the provider, which no change to the
    /// configuration can fix.
    pub(crate) fn bug(detail: impl std::fmt::Display) -> Self {
        Self::error(
            "Bug in the provider",
            format!(
                "{detail}\n\nThis is a bug in the provider, not in the configuration. Please report it."
            ),
        )
    }

    /// Sets the attribute at fault.
    #[must_use]
    pub fn at(mut self, path: impl Into<AttributePath>) -> Self {
        self.path = path.into();
        self
    }

    /// Makes the path relative to `root`.
    #[must_use]
    pub(crate) fn below(mut self, root: &AttributePath) -> Self {
        self.path = root.join(&self.path);
        self
    }

    pub(crate) fn to_proto(&self) -> tfplugin6::Diagnostic {
        let severity = match self.severity {
            Severity::Error => tfplugin6::diagnostic::Severity::Error,
            Severity::Warning => tfplugin6::diagnostic::Severity::Warning,
        };
        tfplugin6::Diagnostic {
            severity: severity.into(),
            summary: self.summary.clone(),
            detail: self.detail.clone(),
            attribute: (!self.path.is_root()).then(|| self.path.to_proto()),
        }
    }
}

/// A collection of errors and warnings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Creates an empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a diagnostic.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Returns whether any of the diagnostics is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.iter().any(|d| d.severity == Severity::Error)
    }

    /// Returns whether there are no diagnostics.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of diagnostics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Iterates over the diagnostics in the order in which they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    pub(crate) fn to_proto(&self) -> Vec<tfplugin6::Diagnostic> {
        self.iter().map(Diagnostic::to_proto).collect()
    }

    #[cfg(feature = "testing")]
    pub(crate) fn from_proto(found: Vec<tfplugin6::Diagnostic>) -> Self {
        let found = found.into_iter().map(|d| Diagnostic {
            severity: match d.severity() {
                tfplugin6::diagnostic::Severity::Warning => Severity::Warning,
                _ => Severity::Error,
            },
            path: d
                .attribute
                .as_ref()
                .map(AttributePath::from_proto)
                .unwrap_or_default(),
            summary: d.summary,
            detail: d.detail,
        });
        found.collect()
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        self.0.extend(diagnostics);
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        Self(diagnostics.into_iter().collect())
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<ValueError> for Diagnostic {
    fn from(error: ValueError) -> Self {
        Self::error(
            "Unexpected value",
            format!("The provider cannot use this value: {}.", error.message()),
        )
        .at(error.path().clone())
    }
}

impl From<ValueError> for Diagnostics {
    fn from(error: ValueError) -> Self {
        Diagnostic::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_the_path() {
        let inner = Diagnostic::error("a", "b").at("x");
        let outer = inner.below(&AttributePath::from("list").index(1));
        assert_eq!(outer.path.to_string(), "list[1].x");
        assert!(outer.to_proto().attribute.is_some());
        assert!(Diagnostic::error("a", "b").to_proto().attribute.is_none());
    }

    #[test]
    fn a_warning_is_no_error() {
        let mut all = Diagnostics::from(Diagnostic::warning("a", "b"));
        assert!(!all.has_errors());
        all.push(Diagnostic::error("c", "d"));
        assert!(all.has_errors());
        assert_eq!(all.len(), 2);
    }
}
