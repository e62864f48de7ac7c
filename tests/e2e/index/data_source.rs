//! The data source: what it finds, and what it does not take for nothing.

use anyhow::{Context, Result};
use serde_json::Value;
use tests::registry::Registry;
use tests::terraform::{Terraform, configuration};

use crate::scenario::{ENABLED, REPOSITORY, Scenario, TAG, image, initialised, push};

/// A configuration that looks up the index of an image.
fn lookup(image: &str, arguments: &str) -> String {
    let resource = configuration(image, arguments);
    resource.replace("resource \"soci_index\"", "data \"soci_index\"")
}

/// What is found with these arguments.
fn look(scenario: &Scenario, arguments: &str) -> Result<Value> {
    let terraform = initialised(&scenario.image(), "")?;
    terraform.write("main.tf", &lookup(&scenario.image(), arguments))?;
    terraform.apply()?;
    found(&terraform)
}

fn found(terraform: &Terraform) -> Result<Value> {
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
        let nothing = look(&scenario, arguments)?;
        assert_eq!(nothing["found"], false, "{nothing}");
        assert_eq!(nothing["source_digest"], source);
        assert!(nothing["digest"].is_null(), "{nothing}");
        assert_eq!(nothing["indexes"], serde_json::json!([]));
        let repository = scenario.registry.reference(REPOSITORY);
        assert_eq!(nothing["image_uri"], format!("{repository}@{source}"));
        scenario.terraform.apply()?;

        let made = scenario.resource()?.values;
        let found = look(&scenario, arguments)?;
        assert_eq!(found["found"], true, "{found}");
        for name in [
            "id",
            "source_digest",
            "digest",
            "image_uri",
            "indexes",
            "tag",
        ] {
            assert_eq!(found[name], made[name], "{arguments}: {name}");
        }
        assert!(found["id"].as_str().context("no id")?.starts_with(id));

        // One of the blobs is enough to make it useless.
        let index = found["indexes"][0]["digest"].as_str().context("no index")?;
        scenario.registry.delete_manifest(REPOSITORY, index)?;
        assert_eq!(look(&scenario, arguments)?["found"], false, "{arguments}");
    }
    Ok(())
}

#[test]
fn an_index_of_an_older_image_does_not_count() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    push(&scenario.registry, TAG, |layout| image(layout, "amd64", 2))?;
    assert_eq!(look(&scenario, "")?["found"], false);
    // Nor does an image without one.
    assert_eq!(look(&scenario, "tag = \"absent\"")?["found"], false);
    let own = scenario
        .registry
        .reference(&format!("{REPOSITORY}:{ENABLED}"));
    let terraform = initialised(&own, "")?;
    terraform.write("main.tf", &lookup(&own, ""))?;
    terraform.apply()?;
    // The SOCI-enabled image carries its index itself.
    let found = found(&terraform)?;
    assert_eq!(found["found"], true);
    assert_eq!(found["digest"], scenario.manifest(ENABLED)?.digest);
    Ok(())
}

#[test]
fn an_error_is_not_an_image_without_an_index() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = initialised(&reference, "")?;
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
