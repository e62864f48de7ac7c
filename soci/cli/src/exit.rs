//! Exit codes.

use std::process::ExitCode;

use crate::output;

/// How a command ended. [`EXIT_CODES`] documents the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    Failure,
    Usage,
    NothingToIndex,
}

/// The part of the help that documents the exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  failure; `verify`: an index is missing or does not match its image; `doctor`: the image is not
     loaded lazily; `wait`: no index appeared in time
  2  invalid command line
  3  nothing to index: no layer qualifies, and nothing was published (`create`, `convert`)";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::NothingToIndex => 3,
        })
    }
}

/// Arguments that are valid individually but not in combination.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl UsageError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::error::Error for UsageError {}

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prints an error and returns its exit code.
pub(crate) fn explain(error: &anyhow::Error) -> Exit {
    output::error(&chain(error));
    if let Some(hint) = hint(error) {
        output::note(hint);
    }
    if error.is::<UsageError>() {
        Exit::Usage
    } else {
        Exit::Failure
    }
}

/// Returns the option that would help, if there is one.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    let error = error.downcast_ref::<soci::Error>()?.registry()?;
    if error.is_plain_http() {
        Some("hint: if the registry uses plain HTTP, add --plain-http")
    } else if error.is_untrusted() {
        Some("hint: for a private certificate authority, add --ca-file with its certificate")
    } else {
        None
    }
}

/// Joins an error and its causes, omitting causes that an error above them quotes, and those in
/// between.
fn chain(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let mut text = String::new();
    let mut rest = causes.as_slice();
    while let [cause, deeper @ ..] = rest {
        if text.is_empty() {
            text.clone_from(cause);
        } else {
            text.push_str(": ");
            text.push_str(cause);
        }
        let quoted = deeper.iter().rposition(|cause| text.ends_with(cause));
        rest = &deeper[quoted.map_or(0, |last| last + 1)..];
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn quoted_causes_are_not_repeated() {
        let quoted = anyhow!("os error 2")
            .context("/a: os error 2")
            .context("reading /b");
        assert_eq!(chain(&quoted), "reading /b: /a: os error 2");
        let far = anyhow!("refused")
            .context("connecting")
            .context("GET /: refused");
        assert_eq!(chain(&far), "GET /: refused");
        let plain = anyhow!("refused").context("reading /b");
        assert_eq!(chain(&plain), "reading /b: refused");
    }
}
