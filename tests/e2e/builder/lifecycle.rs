//! Changes, import, two of them, images that are there already.

use anyhow::{Context, Result, ensure};

use super::{ARGUMENTS, BUILDER, FILTER, NAME, Scenario, configuration};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image};

#[test]
fn other_filters_are_an_update_in_place() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    scenario.aws.create_repository("tools/cli")?;
    scenario.configure(r#"repository_image_tag_filters = ["tools/*:*"]"#)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;

    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    let push = scenario.aws.pushes()?.pop().context("no push")?;
    assert!(push.reached.is_empty(), "{push:?}");
    scenario.push("tools/cli", TAG, |layout| image(layout, "amd64", 1))?;
    scenario.wait_for_enabled("tools/cli", ENABLED)?;
    assert_eq!(scenario.aws.tags(REPOSITORY)?, [TAG]);
    scenario.expect_nothing_after_destroy()
}

#[test]
fn everything_but_the_name_is_updated_in_place() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let arguments = r#"repository_image_tag_filters   = ["shop/*:*"]
  index_version                  = "V1"
  tag_suffix                     = "-lazy"
  span_size                      = 1048576
  min_layer_size                 = 0
  memory_size                    = 3008
  timeout                        = 600
  ephemeral_storage_size         = 1024
  reserved_concurrent_executions = 3
  log_level                      = "DEBUG"
  log_retention_in_days          = 7
  tracing_mode                   = "Active"
  maximum_retry_attempts         = 1
  maximum_event_age_in_seconds   = 3600
  tags = {
    team = "images"
  }"#;
    scenario.configure(arguments)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.configure(ARGUMENTS)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;

    let renamed = configuration(ARGUMENTS).replace(NAME, "pictures");
    scenario.terraform.write("main.tf", &renamed)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["delete", "create"]);
    scenario.terraform.apply()?;
    let functions = scenario.aws.account()?.functions;
    assert_eq!(
        Vec::from_iter(functions),
        ["pictures-filter", "pictures-generator"]
    );
    scenario.expect_nothing_after_destroy()
}

#[test]
fn it_is_imported_by_name() -> Result<()> {
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

#[test]
fn two_live_side_by_side() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let second = "\nresource \"soci_index_builder\" \"other\" {\n  name = \"others\"\n  \
                  repository_image_tag_filters = [\"tools/*:*\"]\n}\n";
    let both = configuration(ARGUMENTS) + second;
    scenario.terraform.write("main.tf", &both)?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.aws.create_repository("tools/cli")?;
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.push("tools/cli", TAG, |layout| image(layout, "amd64", 2))?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    scenario.wait_for_enabled("tools/cli", ENABLED)?;
    let by = |repository: &str| -> Result<Vec<String>> {
        let pushes = scenario.aws.pushes()?.into_iter();
        let first = pushes
            .filter(|push| push.tag == TAG)
            .find(|push| push.repository == repository);
        Ok(first.context("no push")?.reached)
    };
    assert_eq!(by(REPOSITORY)?, [FILTER]);
    assert_eq!(by("tools/cli")?, ["others-filter"]);

    scenario.configure(ARGUMENTS)?;
    scenario.terraform.apply()?;
    let functions = scenario.aws.account()?.functions;
    ensure!(
        functions.iter().all(|name| name.starts_with(NAME)),
        "{functions:?}"
    );
    scenario.push(REPOSITORY, "1.5", |layout| image(layout, "amd64", 3))?;
    scenario.wait_for_enabled(REPOSITORY, "1.5-soci")?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn what_is_there_already_is_indexed_when_asked_for() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    scenario.aws.create_repository("tools/cli")?;
    for repository in [REPOSITORY, "tools/cli"] {
        scenario.push(repository, TAG, |layout| image(layout, "amd64", 1))?;
    }
    scenario.terraform.apply()?;
    scenario.configure(&format!("{ARGUMENTS}\n  index_existing = true"))?;
    scenario.terraform.apply()?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    scenario.expect_empty_plan()?;
    assert_eq!(scenario.aws.tags("tools/cli")?, [TAG]);

    // A change of the filters looks at everything once more.
    let wider = "repository_image_tag_filters = [\"*:*\"]\n  index_existing = true";
    scenario.configure(wider)?;
    scenario.terraform.apply()?;
    scenario.wait_for_enabled("tools/cli", ENABLED)?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}
