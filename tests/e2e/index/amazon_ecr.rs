//! Registries with the peculiarities of Amazon ECR.

use anyhow::{Context, Result};
use tests::fake::ecr::FakeEcr;
use tests::registry::Registry;
use tests::terraform::configuration;

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, TAG, configured, image, list, push};

fn reference(ecr: &FakeEcr) -> String {
    ecr.reference(&format!("{REPOSITORY}:{TAG}"))
}

#[test]
fn v1_uses_the_referrers_api() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let ecr = FakeEcr::start(&registry)?;
    let v1 = "index_version = \"V1\"";
    let terraform = configured(&reference(&ecr), v1)?;
    terraform.apply()?;
    // There is no referrers tag.
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    let created = terraform.expect_resource(ADDRESS)?;
    let digest = created.text("digest")?;
    assert!(registry.manifest(REPOSITORY, digest)?.is_some());
    terraform.expect_empty_plan()?;

    let other = configured(&reference(&ecr), v1)?;
    other.import(ADDRESS, &format!("V1/{}", reference(&ecr)))?;
    assert_eq!(other.expect_resource(ADDRESS)?.values, created.values);
    other.write(
        "main.tf",
        &configuration(&reference(&ecr), v1).replace("resource \"", "data \""),
    )?;
    other.run(&["state", "rm", ADDRESS])?.success()?;
    other.apply()?;
    let found = other.expect_resource("data.soci_index.this")?;
    assert_eq!(found.values["found"], true);
    assert_eq!(found.text("digest")?, digest);

    registry.delete_manifest(REPOSITORY, digest)?;
    assert!(terraform.plan()?.changes);
    terraform.apply()?;
    terraform.expect_empty_plan()?;
    terraform.destroy()?;
    assert!(registry.manifest(REPOSITORY, digest)?.is_none());
    Ok(())
}

#[test]
fn v2_with_immutable_tags() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let ecr = FakeEcr::start(&registry)?;
    ecr.make_immutable();
    let terraform = configured(&reference(&ecr), "")?;
    terraform.apply()?;
    let first = registry.expect_manifest(REPOSITORY, ENABLED)?;
    assert!(!list(&first.json, "manifests")?.is_empty());
    terraform.expect_empty_plan()?;

    // The source moves although its tag is immutable; the tag of the index does not.
    push(&registry, TAG, |layout| image(layout, "amd64", 2))?;
    let (errors, output) = terraform.failing_apply()?;
    let error = errors.first().context("no error")?;
    assert_eq!(error.summary, "Tag is immutable", "{output}");
    for wanted in [
        "\"1.4-soci\"",
        "TAG_INVALID",
        "argument tag",
        "tag = \"1.4-soci-2\"",
    ] {
        assert!(error.detail.contains(wanted), "no {wanted:?} in {error:#?}");
    }
    let now = registry.expect_manifest(REPOSITORY, ENABLED)?;
    assert_eq!(now.digest, first.digest);

    // The advice of the message works.
    terraform.write(
        "main.tf",
        &configuration(&reference(&ecr), "tag = \"1.4-soci-2\""),
    )?;
    terraform.apply()?;
    terraform.expect_empty_plan()?;
    let source = registry.expect_manifest(REPOSITORY, TAG)?.digest;
    assert_eq!(
        terraform.expect_resource(ADDRESS)?.text("source_digest")?,
        source
    );
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}
