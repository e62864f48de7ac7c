//! The life of a builder in a second local AWS, moto.
//!
//! It takes no images and runs no functions. What else it lacks is named below, as the drift that
//! shows after an apply.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, LocalAws, REGION, Service};
use tests::fake::proxy::Proxy;

use super::{ARGUMENTS, BUILDER, FILTER, GENERATOR, NAME, configured};

const EVERYTHING: &str = r#"repository_image_tag_filters       = ["shop/*:*"]
  timeout                            = 1800
  memory_size                        = 3008
  reserved_concurrent_executions     = 3
  tracing_mode                       = "Active"
  log_retention_in_days              = 7
  maximum_retry_attempts             = 1
  permissions_boundary               = "arn:aws:iam::aws:policy/PowerUserAccess"
  index_generator_policy_arns        = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
  kms_key_arn                        = "arn:aws:kms:eu-west-1:000000000000:key/environment"
  on_failure_destination_arn         = "arn:aws:sqs:eu-west-1:000000000000:failed"
  on_failure_destination_kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/queue"

  vpc_config {
    subnet_ids         = ["subnet-0123456789abcdef0"]
    security_group_ids = ["sg-0123456789abcdef0"]
  }
  tags = {
    team = "images"
  }"#;

/// The properties of functions that moto neither keeps nor shows when they are updated.
const LACKING: [&str; 4] = [
    "function \"images-filter\": KMS key ",
    "function \"images-filter\": tracing mode ",
    "function \"images-filter\": logging ",
    "function \"images-generator\": logging ",
];

#[test]
fn the_whole_life() -> Result<()> {
    let aws = LocalAws::start_second()?;
    let proxy = Proxy::start(aws.address())?;
    let terraform = configured(&proxy, ARGUMENTS)?;
    let expect_drift = |lacking: &[&str]| -> Result<()> {
        let drift = terraform.planned_change(BUILDER)?["before"]["drift"].clone();
        let lines: Vec<String> = serde_json::from_value(drift)?;
        let are_those = lines.len() == lacking.len()
            && lines
                .iter()
                .zip(lacking)
                .all(|(line, start)| line.starts_with(start));
        ensure!(are_those, "drift {lines:#?}, want {lacking:#?}");
        Ok(())
    };
    let call = |path: &str| -> Result<Value> {
        aws.lambda("GET", path, &Value::Null)?
            .with_context(|| format!("{path}: not found"))
    };
    terraform.apply()?;
    expect_drift(&LACKING[2..])?;

    let text = super::configuration(EVERYTHING);
    terraform.write("main.tf", &text)?;
    terraform.apply()?;
    expect_drift(&LACKING)?;
    for name in [FILTER, GENERATOR] {
        let function = aws.function(name)?.context("no function")?;
        assert_eq!(
            function["VpcConfig"]["SubnetIds"],
            json!(["subnet-0123456789abcdef0"])
        );
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{name}-{REGION}");
        assert_eq!(function["Role"], role);
        let limits = call(&format!("/2019-09-25/functions/{name}/event-invoke-config"))?;
        assert_eq!(limits["MaximumRetryAttempts"], 1);
        let failed = &limits["DestinationConfig"]["OnFailure"]["Destination"];
        assert_eq!(failed, "arn:aws:sqs:eu-west-1:000000000000:failed");
        let role = format!("&RoleName={name}-{REGION}");
        ensure!(
            aws.iam("GetRole", &role)?
                .contains("policy/PowerUserAccess")
        );
        let attached = aws.iam("ListAttachedRolePolicies", &role)?;
        let own = attached.contains("policy/ReadOnlyAccess");
        assert_eq!(own, name == GENERATOR, "{attached}");
    }
    let generator = aws.function(GENERATOR)?.context("no function")?;
    assert_eq!(
        (&generator["Timeout"], &generator["MemorySize"]),
        (&json!(1800), &json!(3008))
    );
    let reserved = call(&format!("/2019-09-30/functions/{GENERATOR}/concurrency"))?;
    assert_eq!(reserved["ReservedConcurrentExecutions"], 3);
    let groups = aws.call(Service::Logs, "DescribeLogGroups", &json!({}))?;
    for group in groups["logGroups"].as_array().context("no log groups")? {
        assert_eq!(group["retentionInDays"], 7, "{group}");
    }
    let targets = json!({"Rule": NAME});
    let targets = aws.call(Service::Events, "ListTargetsByRule", &targets)?;
    let filter = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FILTER}");
    assert_eq!(targets["Targets"][0]["Arn"], filter);

    terraform.destroy()?;
    let account = aws.account()?;
    ensure!(account.is_empty(), "destroy left {account:#?}");
    Ok(())
}
