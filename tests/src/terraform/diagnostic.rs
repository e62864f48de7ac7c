//! The diagnostics in terraform's machine-readable output.

use anyhow::{Context, Result};
use serde_json::Value;

/// An error as the provider returned it.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The heading: what went wrong.
    pub summary: String,
    /// The text below it: the cause and the remedy.
    pub detail: String,
}

/// Returns the errors among the JSON lines that terraform printed.
pub(super) fn errors(lines: &str) -> Result<Vec<Diagnostic>> {
    let mut errors = Vec::new();
    for line in lines.lines() {
        let message: Value =
            serde_json::from_str(line).with_context(|| format!("no JSON line: {line}"))?;
        let diagnostic = &message["diagnostic"];
        if diagnostic["severity"] == "error" {
            let text = |name: &str| diagnostic[name].as_str().unwrap_or_default().to_owned();
            errors.push(Diagnostic {
                summary: text("summary"),
                detail: text("detail"),
            });
        }
    }
    Ok(errors)
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
