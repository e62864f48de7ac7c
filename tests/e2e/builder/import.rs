//! Import of an existing builder.

use anyhow::Result;

use super::{ARGUMENTS, BUILDER, NAME, Scenario};

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
