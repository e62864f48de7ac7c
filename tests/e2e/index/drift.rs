//! Changes made outside Terraform show in the next plan and are repaired by the next apply.

use anyhow::Result;

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, Scenario, TAG, image, push};

#[test]
fn a_deleted_image_is_recreated() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let enabled = scenario.manifest(ENABLED)?;
    scenario
        .registry
        .delete_manifest(REPOSITORY, &enabled.digest)?;
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    scenario.expect_changes()?;
    scenario.terraform.apply()?;
    assert_eq!(scenario.manifest(ENABLED)?.digest, enabled.digest);
    scenario.expect_empty_plan()
}

#[test]
fn a_deleted_soci_index_is_recreated() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let index = scenario.expect_enabled()?.remove(0);
    scenario
        .registry
        .delete_manifest(REPOSITORY, &index.digest)?;
    scenario.expect_changes()?;
    scenario.terraform.apply()?;
    scenario.expect_enabled()?;
    scenario.expect_empty_plan()
}

#[test]
fn a_deleted_v1_index_is_recreated() -> Result<()> {
    let scenario = Scenario::new("index_version = \"V1\"")?;
    scenario.terraform.apply()?;
    let digest = scenario.resource()?.text("digest")?.to_owned();
    scenario.registry.delete_manifest(REPOSITORY, &digest)?;
    scenario.expect_changes()?;
    scenario.terraform.apply()?;
    scenario.expect_index(&digest)?;
    scenario.expect_empty_plan()
}

#[test]
fn an_image_that_is_gone_is_told() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let source = scenario.manifest(TAG)?.digest;
    scenario.registry.delete_manifest(REPOSITORY, &source)?;
    let plan = scenario.terraform.plan()?;
    let said = plan.output.all();
    assert!(!plan.changes, "{said}");
    assert!(said.contains("Image no longer exists"), "{said}");
    scenario.expect_enabled()?;
    Ok(())
}

#[test]
fn a_moved_tag_is_moved_back() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let enabled = scenario.manifest(ENABLED)?;
    let stranger = scenario.manifest(TAG)?;
    let registry = &scenario.registry;
    registry.put_manifest(REPOSITORY, ENABLED, &stranger.media_type, &stranger.body)?;
    scenario.expect_changes()?;
    scenario.terraform.apply()?;
    assert_eq!(scenario.manifest(ENABLED)?.digest, enabled.digest);
    scenario.expect_empty_plan()
}

#[test]
fn a_moved_tag_survives_destroy() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let stranger = scenario.manifest(TAG)?;
    let registry = &scenario.registry;
    registry.put_manifest(REPOSITORY, ENABLED, &stranger.media_type, &stranger.body)?;
    scenario.terraform.destroy()?;
    assert_eq!(scenario.manifest(ENABLED)?.digest, stranger.digest);
    assert_eq!(scenario.manifest(TAG)?.digest, stranger.digest);
    Ok(())
}

#[test]
fn a_newer_source_is_indexed() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let before = scenario.manifest(ENABLED)?;
    push(&scenario.registry, TAG, |layout| image(layout, "amd64", 7))?;
    let source = scenario.manifest(TAG)?;
    scenario.expect_changes()?;
    scenario.terraform.apply()?;
    let resource = scenario.resource()?;
    assert_eq!(resource.text("source_digest")?, source.digest);
    assert_ne!(resource.text("digest")?, before.digest);
    scenario.expect_enabled()?;
    scenario.expect_empty_plan()
}

#[test]
fn an_unreachable_registry_is_not_drift() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let digest = scenario.resource()?.text("digest")?.to_owned();
    let Scenario {
        registry,
        terraform,
    } = scenario;
    drop(registry);
    let error = terraform.plan().unwrap_err().to_string();
    assert!(error.contains("Error:"), "{error}");
    assert_eq!(terraform.expect_resource(ADDRESS)?.text("digest")?, digest);
    Ok(())
}
