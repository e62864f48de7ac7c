//! Diagnostics in terraform's machine-readable output.

use anyhow::{Context, Result};
use serde_json::Value;

/// An error as returned by the provider.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The heading: what went wrong.
    pub summary: String,
    /// The text below it: the cause and the remedy.
    pub detail: String,
    /// The line of the configuration that terraform shows; empty if it shows none.
    pub code: String,
}

/// Returns the errors among the JSON lines that `terraform plan` or `apply` printed.
pub(super) fn errors(lines: &str) -> Result<Vec<Diagnostic>> {
    let mut errors = Vec::new();
    for line in lines.lines() {
        let message: Value =
            serde_json::from_str(line).with_context(|| format!("no JSON line: {line}"))?;
        errors.extend(error(&message["diagnostic"]));
    }
    Ok(errors)
}

/// Returns the errors in the JSON document that `terraform validate` printed.
pub(super) fn validation_errors(document: &str) -> Result<Vec<Diagnostic>> {
    let document: Value = serde_json::from_str(document)?;
    let diagnostics = document["diagnostics"].as_array();
    let diagnostics = diagnostics.with_context(|| format!("no diagnostics: {document}"))?;
    Ok(diagnostics.iter().filter_map(error).collect())
}

fn error(diagnostic: &Value) -> Option<Diagnostic> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (diagnostic["severity"] == "error").then(|| Diagnostic {
        summary: text(&diagnostic["summary"]),
        detail: text(&diagnostic["detail"]),
        code: text(&diagnostic["snippet"]["code"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_left_out() {
        let lines = concat!(
            r#"{"type":"version","terraform":"1.11.4"}"#,
            "\n",
            r#"{"diagnostic":{"severity":"warning","summary":"w","detail":""}}"#,
            "\n",
            r#"{"diagnostic":{"severity":"error","summary":"s","detail":"d"}}"#,
            "\n",
        );
        let errors = errors(lines).unwrap();
        assert_eq!(errors.len(), 1);
        assert_eq!(
            (errors[0].summary.as_str(), errors[0].detail.as_str()),
            ("s", "d")
        );
    }
}
