//! The layers of the architecture: which crate may depend on which packages.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::output_of;

/// The packages of AWS; a `*` at the end stands for anything. `aws-lc-rs` and `aws-lc-sys` are the
/// cryptography under TLS and know nothing of AWS.
const AWS: &[&str] = &["aws-config", "aws-sdk-*", "aws-smithy-*", "aws-types"];
const TERRAFORM: &[&str] = &["tfplugin-sdk", "terraform-provider-soci", "tonic", "prost"];
const COMMAND_LINE: &[&str] = &["clap", "indicatif"];

/// Packages that a crate must not reach, not even through others.
const RULES: [(&str, &[&[&str]]); 4] = [
    ("lambda", &[TERRAFORM]),
    ("soci", &[AWS, TERRAFORM, COMMAND_LINE]),
    ("soci-cli", &[AWS, TERRAFORM]),
    ("tfplugin-sdk", &[AWS, &["soci", "oci-client"]]),
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
            .filter(|package| {
                forbidden
                    .concat()
                    .iter()
                    .any(|pattern| matches(pattern, package))
            })
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

/// The features of a package that are built, from the output of `cargo tree` with features and
/// inverted.
fn features<'a>(tree: &'a str, package: &str) -> BTreeSet<&'a str> {
    let start = format!("{package} feature \"");
    let lines = tree.lines();
    let names = lines.filter_map(|line| line.strip_prefix(&start)?.split('"').next());
    names.collect()
}

#[test]
fn the_provider_is_built_without_the_client_for_tests() -> Result<()> {
    // As `make build` builds it: in the whole workspace, its features would be united with those
    // that tests ask for.
    let tree = output_of(
        "cargo",
        &[
            "tree",
            "--locked",
            "--package=soci-cli",
            "--package=terraform-provider-soci",
            "--edges=normal,build,features",
            "--invert=tfplugin-sdk",
            "--prefix=none",
        ],
    )?;
    let features = features(&tree, "tfplugin-sdk");
    assert!(features.contains("default"), "is this the SDK? {tree}");
    assert!(!features.contains("testing"), "{tree}");
    Ok(())
}

#[test]
fn the_output_of_cargo_tree_is_understood() {
    let tree =
        "soci v0.1.0 (/x/soci)\nsoci feature \"default\"\n\nserde v1.0.0\nserde v1.0.0 (*)\n";
    assert_eq!(Vec::from_iter(features(tree, "soci")), ["default"]);
    assert!(features(tree, "serde").is_empty());
}

#[test]
fn a_forbidden_dependency_is_found_through_others() -> Result<()> {
    let edge = |name: &str, kind: serde_json::Value| serde_json::json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
    let names = ["a", "b", "c", "d"];
    let packages = names.map(|name| serde_json::json!({"id": name, "name": name}));
    let graph = graph(&serde_json::json!({
        "packages": packages,
        "resolve": {"nodes": [
            {"id": "a", "deps": [edge("b", Value::Null), edge("d", "dev".into())]},
            {"id": "b", "deps": [edge("c", "build".into())]},
            {"id": "c", "deps": []},
            {"id": "d", "deps": []},
        ]},
    }))?;
    assert_eq!(Vec::from_iter(reached(&graph, "a")?), ["b", "c"]);
    assert!(reached(&graph, "e").is_err());
    Ok(())
}

#[test]
fn patterns_match_by_prefix() {
    assert!(matches("aws-sdk-*", "aws-sdk-ecr") && matches("tonic", "tonic"));
    assert!(!matches("tonic", "tonic-prost") && !matches("aws-sdk-*", "aws-lc-rs"));
}
