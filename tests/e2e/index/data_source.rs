//! The data source.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tests::interrupt::Interrupt;
use tests::registry::Registry;
use tests::terraform::{Terraform, configuration};

use crate::scenario::{ENABLED, REPOSITORY, Scenario, TAG, configured, image, push};

/// Longest time for an apply.
const LIMIT: Duration = Duration::from_secs(120);

/// A configuration that reads the index of an image.
fn lookup(image: &str, arguments: &str) -> String {
    let resource = configuration(image, arguments);
    resource.replace("resource \"soci_index\"", "data \"soci_index\"")
}

/// Reads the index with these arguments.
fn read(scenario: &Scenario, arguments: &str) -> Result<Value> {
    let terraform = configured(&scenario.image(), "")?;
    terraform.write("main.tf", &lookup(&scenario.image(), arguments))?;
    terraform.apply()?;
    values(&terraform)
}

fn values(terraform: &Terraform) -> Result<Value> {
    let found = terraform.expect_resource("data.soci_index.this")?;
    Ok(found.values)
}

#[test]
fn an_index_is_found() -> Result<()> {
    for (arguments, id) in [
        ("", "V2/"),
        ("tag = \"lazy\"", "V2/"),
        ("index_version = \"V1\"", "V1/"),
    ] {
        let scenario = Scenario::new(arguments)?;
        let source = scenario.manifest(TAG)?.digest;
        let nothing = read(&scenario, arguments)?;
        assert_eq!(nothing["found"], false, "{nothing}");
        assert_eq!(nothing["source_digest"], source);
        assert!(nothing["digest"].is_null(), "{nothing}");
        assert_eq!(nothing["indexes"], serde_json::json!([]));
        let repository = scenario.registry.reference(REPOSITORY);
        assert_eq!(nothing["image_uri"], format!("{repository}@{source}"));
        scenario.terraform.apply()?;

        let created = scenario.resource()?.values;
        let found = read(&scenario, arguments)?;
        assert_eq!(found["found"], true, "{found}");
        for name in [
            "id",
            "source_digest",
            "digest",
            "image_uri",
            "indexes",
            "tag",
        ] {
            assert_eq!(found[name], created[name], "{arguments}: {name}");
        }
        assert!(found["id"].as_str().context("no id")?.starts_with(id));

        // An incomplete index is not found.
        let index = found["indexes"][0]["digest"].as_str().context("no index")?;
        scenario.registry.delete_manifest(REPOSITORY, index)?;
        assert_eq!(read(&scenario, arguments)?["found"], false, "{arguments}");
    }
    Ok(())
}

#[test]
fn an_index_of_an_older_image_is_not_found() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    push(&scenario.registry, TAG, |layout| image(layout, "amd64", 2))?;
    assert_eq!(read(&scenario, "")?["found"], false);
    // Neither is one under a tag that does not exist.
    assert_eq!(read(&scenario, "tag = \"absent\"")?["found"], false);
    let own = scenario
        .registry
        .reference(&format!("{REPOSITORY}:{ENABLED}"));
    let terraform = configured(&own, "")?;
    terraform.write("main.tf", &lookup(&own, ""))?;
    terraform.apply()?;
    // A SOCI-enabled image is its own index.
    let found = values(&terraform)?;
    assert_eq!(found["found"], true);
    assert_eq!(found["digest"], scenario.manifest(ENABLED)?.digest);
    Ok(())
}

#[test]
fn an_index_is_waited_for() -> Result<()> {
    let scenario = Scenario::new("")?;
    let terraform = configured(&scenario.image(), "")?;
    terraform.write("main.tf", &lookup(&scenario.image(), "wait_for = \"10m\""))?;
    let arguments = ["apply", "-auto-approve", "-no-color", "-input=false"];
    let waiting = terraform.start(&arguments)?;
    scenario.terraform.apply()?;
    waiting.finish(LIMIT, &Interrupt::default())?.success()?;
    let found = values(&terraform)?;
    assert_eq!(found["found"], true, "{found}");
    assert_eq!(found["digest"], scenario.manifest(ENABLED)?.digest);
    Ok(())
}

#[test]
fn an_index_that_does_not_come_is_no_error() -> Result<()> {
    let scenario = Scenario::new("")?;
    let terraform = configured(&scenario.image(), "")?;
    terraform.write("main.tf", &lookup(&scenario.image(), "wait_for = \"1s\""))?;
    let output = terraform.apply()?.all();
    assert!(output.contains("Index not found in time"), "{output}");
    let found = values(&terraform)?;
    assert_eq!(found["found"], false);
    assert_eq!(found["source_digest"], scenario.manifest(TAG)?.digest);

    // A later push is not the one that is waited for.
    let first = scenario.manifest(TAG)?.digest;
    push(&scenario.registry, TAG, |layout| image(layout, "amd64", 2))?;
    let pinned = format!("{}@{first}", scenario.image());
    terraform.write("main.tf", &lookup(&pinned, "wait_for = \"10m\""))?;
    let error = terraform.plan().err().context("planned")?.to_string();
    assert!(error.contains(&scenario.manifest(TAG)?.digest), "{error}");
    terraform.write("main.tf", &lookup(&pinned, "wait_for = \"soon\""))?;
    let error = terraform.plan().err().context("planned")?.to_string();
    assert!(error.contains("Invalid duration"), "{error}");
    Ok(())
}

#[test]
fn errors_are_reported() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = configured(&reference, "")?;
    terraform.write("main.tf", &lookup(&reference, ""))?;
    let error = terraform.plan().err().context("planned")?.to_string();
    assert!(error.contains("401"), "{error}");

    let open = Scenario::new("")?;
    let absent = open.registry.reference(&format!("{REPOSITORY}:absent"));
    open.terraform.write("main.tf", &lookup(&absent, ""))?;
    let error = open.terraform.plan().err().context("planned")?.to_string();
    assert!(error.contains("Image not found"), "{error}");
    Ok(())
}
