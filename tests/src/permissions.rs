//! The policies under `examples/permissions`, which the guide shows and users
//! copy.
//!
//! They are templates with placeholders such as `${name}`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace;

/// Returns the directory of the policies.
pub fn directory() -> PathBuf {
    workspace::root().join("examples/permissions")
}

/// Returns the names of all policies, without `.json`.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory())? {
        let path = entry?.path();
        if path.extension().is_some_and(|its| its == "json") {
            let name = path.file_stem().and_then(|name| name.to_str());
            names.push(name.context("a name that is not UTF-8")?.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Returns a policy with the values of its placeholders.
pub fn policy(name: &str, values: &BTreeMap<&str, String>) -> Result<Value> {
    let path = directory().join(format!("{name}.json"));
    let mut text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    for (placeholder, value) in values {
        text = text.replace(&format!("${{{placeholder}}}"), value);
    }
    ensure!(
        !text.contains("${"),
        "{name}: a placeholder without a value:\n{text}"
    );
    Ok(serde_json::from_str(&text)?)
}

/// Returns the statements of a policy.
pub fn statements(policy: &Value) -> Result<&Vec<Value>> {
    policy["Statement"].as_array().context("no statements")
}

/// Returns the strings of a statement's element, which may be a single string.
pub fn strings(element: &Value) -> Vec<&str> {
    match element {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}
