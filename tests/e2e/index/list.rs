//! `terraform query`, which Terraform has had since 1.14: indexes are found, and imported.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::fake::proxy::{Fault, Proxy, Refusal, Rule};
use tests::registry::Registry;
use tests::terraform::{Terraform, Version};

use crate::scenario::{REPOSITORY, configured, image, push};

const REQUIRED: &str = "terraform {\n  required_providers {\n    soci = {\n      source = \"soci/soci\"\n    }\n  }\n}\n";

fn query(repository: &str, arguments: &str, config: &str) -> String {
    format!(
        "list \"soci_index\" \"all\" {{\n  provider = soci\n  {arguments}\n  config {{\n    \
         repository = \"{repository}\"\n    {config}\n  }}\n}}\n"
    )
}

/// A configuration of nothing but a query.
fn querying(repository: &str, arguments: &str, config: &str) -> Result<Terraform> {
    let terraform = Terraform::overriding(Version::Pinned)?;
    terraform.write("main.tf", REQUIRED)?;
    terraform.write("i.tfquery.hcl", &query(repository, arguments, config))?;
    Ok(terraform)
}

/// Indexes an image, and forgets it.
fn index(registry: &Registry, tag: &str, seed: u64, arguments: &str) -> Result<()> {
    push(registry, tag, |layout| image(layout, "amd64", seed))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{tag}"));
    let terraform = configured(&reference, arguments)?;
    terraform.apply()?;
    Ok(())
}

/// A repository with indexes of each kind, and with images that have none.
fn indexed() -> Result<Registry> {
    let registry = Registry::start()?;
    index(&registry, "1", 1, "span_size = 1048576")?;
    index(&registry, "2", 2, "")?;
    index(&registry, "3", 3, "tag = \"3-lazy\"")?;
    index(&registry, "4", 4, "index_version = \"V1\"")?;
    push(&registry, "5", |layout| image(layout, "amd64", 5))?;
    // A tag that seems to be of a SOCI-enabled image.
    push(&registry, "5-soci", |layout| image(layout, "amd64", 6))?;
    Ok(registry)
}

/// Returns the display names.
fn names(found: &[Value]) -> Result<Vec<&str>> {
    let names = found.iter().map(|found| {
        assert_eq!(found["resource_type"], "soci_index");
        found["display_name"].as_str().context("no name")
    });
    names.collect()
}

#[test]
fn indexes_are_found_by_tags_and_manifests() -> Result<()> {
    let registry = indexed()?;
    let repository = registry.reference(REPOSITORY);
    let id = |version: &str, rest: &str| format!("{version}/{repository}:{rest}");
    let terraform = querying(&repository, "", "")?;
    let found = terraform.query()?;
    assert_eq!(names(&found)?, [id("V2", "1"), id("V2", "2")]);
    let identity = json!({
        "image": format!("{repository}:1"),
        "index_version": "V2",
        "tag": "1-soci",
    });
    assert_eq!(found[0]["identity"], identity);
    assert!(found[0]["resource_object"].is_null());

    let write = |arguments: &str, config: &str| {
        terraform.write("i.tfquery.hcl", &query(&repository, arguments, config))
    };
    write("", "tag_suffix = \"-lazy\"")?;
    assert_eq!(names(&terraform.query()?)?, [id("V2", "3,3-lazy")]);
    write("include_resource = true", "index_version = \"V1\"")?;
    let found = terraform.query()?;
    assert_eq!(names(&found)?, [id("V1", "4")]);
    assert_eq!(found[0]["resource_object"]["indexed"], true);
    assert!(found[0]["identity"]["tag"].is_null(), "{found:#?}");
    write("include_resource = true\n  limit = 1", "")?;
    let found = terraform.query()?;
    assert_eq!(names(&found)?, [id("V2", "1")]);
    let state = &found[0]["resource_object"];
    assert_eq!(state["span_size"], 1_048_576, "{state}");
    assert_eq!(state["id"], id("V2", "1"));

    // An index that lost a part of it cannot be imported.
    let enabled = registry.expect_manifest(REPOSITORY, "1-soci")?.json;
    let manifests = enabled["manifests"].as_array().context("no manifests")?;
    let soci = manifests.iter().find(|its| its["artifactType"].is_string());
    let soci = soci.context("no index")?["digest"]
        .as_str()
        .context("no digest")?;
    registry.delete_manifest(REPOSITORY, soci)?;
    write("", "")?;
    assert_eq!(names(&terraform.query()?)?, [id("V2", "2")]);
    Ok(())
}

#[test]
fn what_a_query_generates_imports_indexes_without_a_change() -> Result<()> {
    let registry = indexed()?;
    let repository = registry.reference(REPOSITORY);
    let terraform = querying(&repository, "include_resource = true", "")?;
    let both = format!(
        "{}{}",
        query(&repository, "include_resource = true", ""),
        query(
            &repository,
            "include_resource = true",
            "tag_suffix = \"-lazy\""
        )
        .replace("\"all\"", "\"lazy\"")
    );
    terraform.write("i.tfquery.hcl", &both)?;
    let generate = ["query", "-no-color", "-generate-config-out=generated.tf"];
    terraform.run(&generate)?.success()?;
    std::fs::remove_file(terraform.directory().join("i.tfquery.hcl"))?;
    let output = terraform.apply()?;
    ensure!(
        output.all().contains("3 imported, 0 added, 0 changed"),
        "{output}"
    );
    terraform.expect_empty_plan()
}

#[test]
fn an_empty_repository_has_no_index() -> Result<()> {
    let registry = Registry::start()?;
    let repository = registry.reference("absent");
    let terraform = querying(&repository, "", "")?;
    assert_eq!(terraform.query()?, [Value::Null; 0]);
    Ok(())
}

#[test]
fn a_registry_that_refuses_fails_the_query() -> Result<()> {
    let registry = indexed()?;
    let proxy = Proxy::start(registry.address())?;
    let refusal = Refusal {
        status: 403,
        code: "DENIED",
        message: "not for you",
    };
    proxy.add(Rule::new("GET", "/tags/list", Fault::Deny(refusal)));
    let repository = proxy.reference(REPOSITORY);
    let terraform = querying(&repository, "", "")?;
    let output = terraform.run(&["query", "-no-color"])?;
    ensure!(!output.status.success(), "{output}");
    ensure!(output.all().contains("not for you"), "{output}");
    Ok(())
}

#[test]
fn wrong_arguments_fail_the_validation() -> Result<()> {
    for (repository, config, want) in [
        ("r.test/shop/web:1", "", ["Not a repository", "web:1\""]),
        (
            "https://r.test/shop/web",
            "",
            ["Invalid image reference", "repository = \"https"],
        ),
        (
            "r.test/a",
            "tag_suffix = \"/\"",
            ["Invalid tag suffix", "tag_suffix = \"/\""],
        ),
        (
            "r.test/a",
            "index_version = \"V3\"",
            ["want one of \"V1\", \"V2\"", "index_version = \"V3\""],
        ),
    ] {
        let terraform = querying(repository, "", config)?;
        let output = terraform.run(&["validate", "-no-color", "-query"])?;
        ensure!(!output.status.success(), "{repository} {config}: {output}");
        for want in want {
            ensure!(output.all().contains(want), "{want}: {output}");
        }
    }
    Ok(())
}
