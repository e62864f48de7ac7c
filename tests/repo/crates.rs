//! The layers of the architecture: which crate may know which.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::output_of;

/// Packages that a crate must not reach, not even through others; a `*` at the end stands for
/// anything.
/// `aws-lc-rs` and `aws-lc-sys` are the cryptography under TLS and know nothing of AWS.
const RULES: [(&str, &[&str]); 4] = [
    (
        "lambda",
        &["tfplugin-sdk", "terraform-provider-soci", "tonic", "prost"],
    ),
    (
        "soci",
        &[
            "aws-config",
            "aws-sdk-*",
            "aws-smithy-*",
            "aws-types",
            "tfplugin-sdk",
            "tonic",
            "prost",
            "clap",
            "indicatif",
        ],
    ),
    (
        "soci-cli",
        &[
            "aws-config",
            "aws-sdk-*",
            "aws-smithy-*",
            "aws-types",
            "tfplugin-sdk",
            "tonic",
            "prost",
        ],
    ),
    (
        "tfplugin-sdk",
        &[
            "soci",
            "aws-config",
            "aws-sdk-*",
            "aws-smithy-*",
            "aws-types",
            "oci-client",
        ],
    ),
];

/// The packages that each package depends on when it is built, by name.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_crate_reaches_what_it_must_not_know() -> Result<()> {
    let metadata = output_of("cargo", &["metadata", "--format-version=1", "--locked"])?;
    let graph = graph(&serde_json::from_str(&metadata)?)?;
    for (name, forbidden) in RULES {
        let reached = reached(&graph, name)?;
        assert!(
            reached.contains("serde"),
            "{name} reaches nothing: is the graph read right?"
        );
        let wrong: Vec<_> = reached
            .iter()
            .filter(|package| forbidden.iter().any(|pattern| matches(pattern, package)))
            .collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}");
    }
    Ok(())
}

fn matches(pattern: &str, package: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == package, |prefix| package.starts_with(prefix))
}

/// The normal and build dependencies; those for tests alone do not count.
fn graph(metadata: &Value) -> Result<Graph> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut names = BTreeMap::new();
    for package in list(&metadata["packages"]) {
        names.insert(
            package["id"].to_string(),
            package["name"].as_str().unwrap_or("").to_owned(),
        );
    }
    let mut graph = Graph::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let name = names
            .get(&node["id"].to_string())
            .context("a node without a package")?;
        let edges = graph.entry(name.clone()).or_default();
        for dependency in list(&node["deps"]) {
            let built = list(&dependency["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"] != "dev");
            if built {
                let name = names.get(&dependency["pkg"].to_string());
                edges.insert(name.context("a dependency without a package")?.clone());
            }
        }
    }
    Ok(graph)
}

fn reached(graph: &Graph, from: &str) -> Result<BTreeSet<String>> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(name) = next.pop() {
        for dependency in graph
            .get(&name)
            .with_context(|| format!("no package {name}"))?
        {
            if reached.insert(dependency.clone()) {
                next.push(dependency.clone());
            }
        }
    }
    Ok(reached)
}

#[test]
fn patterns_match_by_prefix() {
    assert!(matches("aws-sdk-*", "aws-sdk-ecr") && matches("tonic", "tonic"));
    assert!(!matches("tonic", "tonic-prost") && !matches("aws-sdk-*", "aws-lc-rs"));
}
