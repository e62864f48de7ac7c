//! A plan is a promise: the apply does what the plan shows, even if the tag moves in between.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use tests::registry::{CREDENTIALS, Registry};

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, Scenario, TAG, configured, image, push};

/// Saves a plan; returns the planned values of the resource.
fn save(scenario: &Scenario) -> Result<Value> {
    let terraform = &scenario.terraform;
    let plan = ["plan", "-no-color", "-out=saved", "-input=false"];
    terraform.run(&plan)?.success()?;
    let shown = terraform.run(&["show", "-no-color", "-json", "saved"])?;
    let shown = shown.success()?;
    let plan: Value = serde_json::from_str(&shown.stdout)?;
    let changes = plan["resource_changes"].as_array().context("no changes")?;
    let change = changes.iter().find(|change| change["address"] == ADDRESS);
    Ok(change.context("not in the plan")?["change"].clone())
}

fn apply_saved(scenario: &Scenario) -> Result<String> {
    let applied = scenario
        .terraform
        .run(&["apply", "-no-color", "-input=false", "saved"])?;
    ensure!(applied.status.success(), "{applied}");
    Ok(applied.all())
}

/// Moves the tag to another image; returns its digest.
fn move_tag(scenario: &Scenario, seed: u64) -> Result<String> {
    push(&scenario.registry, TAG, |layout| {
        image(layout, "amd64", seed)
    })?;
    Ok(scenario.manifest(TAG)?.digest)
}

#[test]
fn a_moved_tag_is_planned_and_indexed() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let before = scenario.manifest(TAG)?.digest;
    let second = move_tag(&scenario, 2)?;
    let change = save(&scenario)?;
    assert_eq!(change["actions"], serde_json::json!(["update"]));
    assert_eq!(change["before"]["source_digest"], before);
    assert_eq!(change["after"]["source_digest"], second);
    assert_eq!(change["after_unknown"]["digest"], true);

    // The approved plan shows the second image.
    let third = move_tag(&scenario, 3)?;
    let output = apply_saved(&scenario)?;
    assert!(
        output.contains("Tag has moved") && output.contains(&third),
        "{output}"
    );
    assert_eq!(scenario.resource()?.text("source_digest")?, second);
    scenario.expect_enabled()?;

    scenario.expect_changes()?;
    scenario.terraform.apply()?;
    assert_eq!(scenario.resource()?.text("source_digest")?, third);
    scenario.expect_enabled()?;
    scenario.expect_empty_plan()
}

#[test]
fn a_create_resolves_the_tag_during_apply() -> Result<()> {
    let scenario = Scenario::new("")?;
    let change = save(&scenario)?;
    assert_eq!(change["after_unknown"]["source_digest"], true);
    let second = move_tag(&scenario, 2)?;
    apply_saved(&scenario)?;
    assert_eq!(scenario.resource()?.text("source_digest")?, second);
    scenario.expect_enabled()?;
    scenario.expect_empty_plan()
}

#[test]
fn an_image_may_be_pushed_after_the_plan() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = configured(&reference, "")?;
    let host = registry.host();
    terraform.docker_config(&format!(
        r#"{{"auths":{{"{host}":{{"auth":"{CREDENTIALS}"}}}}}}"#
    ))?;
    ensure!(terraform.plan()?.changes, "nothing to create");
    Ok(())
}

#[test]
fn an_image_that_is_deleted_before_apply() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let second = move_tag(&scenario, 2)?;
    save(&scenario)?;
    move_tag(&scenario, 3)?;
    scenario.registry.delete_manifest(REPOSITORY, &second)?;
    let applied = scenario
        .terraform
        .run(&["apply", "-no-color", "-input=false", "saved"])?;
    ensure!(!applied.status.success(), "{applied}");
    let output = applied.all();
    for wanted in ["Image is gone", "Plan again", &second[..30]] {
        assert!(output.contains(wanted), "no {wanted:?} in {output}");
    }
    scenario.terraform.apply()?;
    scenario.expect_enabled()?;
    scenario.expect_empty_plan()
}

#[test]
fn triggers_resolve_the_tag_during_apply() -> Result<()> {
    let scenario = Scenario::new("triggers = { build = \"1\" }")?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.configure("triggers = { build = \"2\" }")?;
    let change = save(&scenario)?;
    assert_eq!(change["actions"], serde_json::json!(["update"]));
    assert_eq!(change["after_unknown"]["source_digest"], true);
    let second = move_tag(&scenario, 2)?;
    apply_saved(&scenario)?;
    assert_eq!(scenario.resource()?.text("source_digest")?, second);
    scenario.expect_empty_plan()?;
    // A trigger without a new image is cheap.
    let enabled = scenario.manifest(ENABLED)?.digest;
    scenario.configure("triggers = { build = \"3\" }")?;
    scenario.terraform.apply()?;
    assert_eq!(scenario.manifest(ENABLED)?.digest, enabled);
    scenario.expect_empty_plan()
}

#[test]
fn no_refresh_means_no_lookup() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    move_tag(&scenario, 2)?;
    let planned = scenario.terraform.run(&[
        "plan",
        "-no-color",
        "-input=false",
        "-refresh=false",
        "-detailed-exitcode",
    ])?;
    assert_eq!(planned.status.code(), Some(0), "{planned}");
    scenario.expect_changes()
}
