//! An upgrade of the provider updates the functions.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{ARGUMENTS, BUILDER, GENERATOR, Scenario};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image};

/// An empty zip and its SHA-256, in base64.
const OLDER_ZIP: &str = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
const OLDER_SHA256: &str = "hznHbmgfkAkjuQDJ3w73XPQh05yrtUZQxLmtGbanbYU=";

#[test]
fn a_new_bundle_is_an_update() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let current = scenario.builder()?.values;

    // As if created by an older provider: other code in AWS, and its version in the state.
    let path = format!("/2015-03-31/functions/{GENERATOR}/code");
    let older = scenario
        .aws
        .lambda("PUT", &path, &json!({"ZipFile": OLDER_ZIP}))?;
    let sha256 = older.context("no function")?["CodeSha256"].clone();
    assert_eq!(sha256, OLDER_SHA256);
    let pulled = scenario.terraform.run(&["state", "pull"])?.success()?;
    let mut state: Value = serde_json::from_str(&pulled.stdout)?;
    let serial = state["serial"].as_u64().context("no serial")?;
    state["serial"] = json!(serial + 1);
    let attributes = &mut state["resources"][0]["instances"][0]["attributes"];
    attributes["bundle_version"] = json!("0.0.9+000000000000");
    attributes["code_sha256"]["index_generator"] = sha256;
    scenario.terraform.write("older.json", &state.to_string())?;
    scenario
        .terraform
        .run(&["state", "push", "older.json"])?
        .success()?;

    let plan = scenario.terraform.plan()?;
    ensure!(
        plan.output.all().contains("0.0.9+000000000000"),
        "{}",
        plan.output
    );
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    let updated = scenario.builder()?.values;
    assert_eq!(updated["bundle_version"], current["bundle_version"]);
    assert_eq!(updated["code_sha256"], current["code_sha256"]);
    let deployed = scenario.aws.function(GENERATOR)?.context("no function")?;
    assert_eq!(
        deployed["CodeSha256"],
        current["code_sha256"]["index_generator"]
    );
    scenario.expect_empty_plan()?;
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    Ok(())
}
