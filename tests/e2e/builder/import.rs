//! Import of an existing builder.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::aws::{REGION, Service};
use tests::terraform::Version;

use super::{ARGUMENTS, BUILDER, NAME, Scenario, configuration, configured_with};

#[test]
fn a_builder_is_imported_by_name() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let before = scenario.builder()?.values;
    let forget = ["state", "rm", "-no-color", BUILDER];
    scenario.terraform.run(&forget)?.success()?;
    scenario.terraform.import(BUILDER, NAME)?;
    let after = scenario.builder()?.values;
    for name in [
        "id",
        "rule_arn",
        "repository_image_tag_filters",
        "code_sha256",
        "memory_size",
    ] {
        assert_eq!(after[name], before[name], "{name}");
    }
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

/// Terraform 1.12 and later import by identity. It has no event bus: the permission of the event filter
/// says which it is.
#[test]
fn a_builder_is_imported_by_its_identity() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let bus = json!({"Name": "images-bus"});
    scenario.aws.call(Service::Events, "CreateEventBus", &bus)?;
    let text = configuration(&format!("{ARGUMENTS}\n  event_bus_name = \"images-bus\""));
    scenario.terraform.write("main.tf", &text)?;
    scenario.terraform.apply()?;
    for identity in [
        format!("name = \"{NAME}\""),
        format!("name = \"{NAME}\"\n    region = \"{REGION}\""),
    ] {
        let terraform = configured_with(Version::Pinned, &scenario.proxy, &text)?;
        let import =
            format!("import {{\n  to = {BUILDER}\n  identity = {{\n    {identity}\n  }}\n}}\n");
        terraform.write("import.tf", &import)?;
        let output = terraform.apply()?;
        ensure!(
            output.all().contains("1 imported, 0 added, 0 changed"),
            "{output}"
        );
        let builder = terraform.expect_resource(BUILDER)?;
        assert_eq!(builder.text("event_bus_name")?, "images-bus");
        terraform.expect_empty_plan()?;
    }
    // An ID that names no bus means the same.
    let terraform = configured_with(Version::OnPath, &scenario.proxy, &text)?;
    terraform.import(BUILDER, NAME)?;
    terraform.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}
