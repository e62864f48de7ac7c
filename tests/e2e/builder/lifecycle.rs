//! Create, update, replace, destroy.

use anyhow::{Context, Result};

use tests::aws::{Account, REGION};

use super::{ARGUMENTS, BUILDER, GENERATOR, NAME, Scenario, configuration};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image};

#[test]
fn filters_are_updated_in_place() -> Result<()> {
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
fn only_the_name_replaces() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let arguments = r#"repository_image_tag_filters   = ["shop/*:*"]
  sources                        = ["push", "replication"]
  excluded_image_tag_filters     = ["*:*-dev"]
  index_version                  = "V1"
  tag_suffix                     = "-lazy"
  tag_unindexed_images           = false
  span_size                      = 1048576
  min_layer_size                 = 0
  platforms                      = ["linux/amd64", "linux/arm64/v8"]
  prefetch_files                 = ["/usr/bin/app", "/a, \"b\""]
  optimizations                  = ["xattr"]
  memory_size                    = 3008
  timeout                        = 1800
  ephemeral_storage_size         = 1024
  reserved_concurrent_executions = 3
  log_level                      = "DEBUG"
  log_retention_in_days          = 7
  tracing_mode                   = "Active"
  maximum_retry_attempts         = 1
  maximum_event_age_in_seconds   = 3600
  completion_event_bus_name      = "default"
  code_signing_config_arn        = "arn:aws:lambda:eu-west-1:000000000000:code-signing-config:csc-0123456789abcdefg"
  index_generator_policy_arns    = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
  permissions_boundary           = "arn:aws:iam::aws:policy/PowerUserAccess"

  on_failure_destination_arn         = "arn:aws:sqs:eu-west-1:000000000000:failed"
  on_failure_destination_kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/failed"

  vpc_config {
    subnet_ids                  = ["subnet-0123456789abcdef0"]
    security_group_ids          = ["sg-0123456789abcdef0"]
    ipv6_allowed_for_dual_stack = true
  }
  tags = {
    team = "images"
  }"#;
    scenario.configure(arguments)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    let function = scenario.aws.function(GENERATOR)?.context("no function")?;
    assert_eq!(function["Timeout"], 1800);
    assert_eq!(function["VpcConfig"]["Ipv6AllowedForDualStack"], true);
    let role = format!("&RoleName={GENERATOR}-{REGION}");
    let policies = scenario.aws.iam("ListAttachedRolePolicies", &role)?;
    assert!(policies.contains("ReadOnlyAccess"), "{policies}");
    scenario.configure(ARGUMENTS)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;

    let key = r#"log_kms_key_id = "arn:aws:kms:us-east-1:000000000000:key/logs""#;
    let renamed = configuration(&format!("{ARGUMENTS}\n  {key}")).replace(NAME, "pictures");
    scenario.terraform.write("main.tf", &renamed)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["delete", "create"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    let functions = scenario.aws.account()?.functions;
    assert_eq!(
        Vec::from_iter(functions),
        ["pictures-filter", "pictures-generator"]
    );
    scenario.expect_nothing_after_destroy()
}

#[test]
fn logs_outlive_the_builder() -> Result<()> {
    let scenario = Scenario::applied(&format!("{ARGUMENTS}\n  log_skip_destroy = true"))?;
    let log_groups = scenario.aws.account()?.log_groups;
    assert_eq!(log_groups.len(), 2);
    scenario.terraform.destroy()?;
    let left = Account {
        log_groups,
        ..Account::default()
    };
    assert_eq!(scenario.aws.account()?, left);

    // A new builder takes them over.
    scenario.configure(ARGUMENTS)?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}
