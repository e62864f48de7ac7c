//! Settings that AWS does not show are no drift.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::fake::proxy::{DENIED, Fault, Rule};

use super::{ARGUMENTS, BUILDER, GENERATOR, Scenario};

/// Lambda answers with status 200 and leaves out what the caller may not see.
#[test]
fn a_missing_permission_is_named() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let tags = Fault::Replace(
        "\"Tags\": ",
        "\"TagsError\": {\"ErrorCode\": \"AccessDeniedException\", \"Message\": \"no\"}, \"X\": ",
    );
    let environment = Fault::Replace(
        "\"Environment\": {\"Variables\"",
        "\"Environment\": {\"Error\": {\"ErrorCode\": \"AccessDeniedException\", \"Message\": \
         \"no\"}, \"X\"",
    );
    for (fault, permission) in [(tags, "lambda:ListTags"), (environment, "kms:Decrypt")] {
        scenario.proxy.add(Rule::new("GET", GENERATOR, fault));
        let plan = scenario.terraform.plan();
        let Err(error) = plan else {
            panic!("{permission}: {plan:?}");
        };
        let error = error.to_string();
        ensure!(
            error.contains(permission) && error.contains("AWS access denied"),
            "{error}"
        );
        scenario.proxy.heal();
        scenario.expect_empty_plan()?;
    }
    Ok(())
}

#[test]
fn code_signing_is_set_without_the_right_to_read_it() -> Result<()> {
    let arn = "arn:aws:lambda:eu-west-1:000000000000:code-signing-config:csc-0123456789abcdefg";
    let scenario = Scenario::applied(ARGUMENTS)?;
    let denied = Rule::new("GET", "/code-signing-config", Fault::Refuse(DENIED));
    scenario.proxy.add(denied);
    scenario.expect_empty_plan()?;
    scenario.configure(&format!(
        "{ARGUMENTS}\n  code_signing_config_arn = \"{arn}\""
    ))?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    let path = format!("/2020-06-30/functions/{GENERATOR}/code-signing-config");
    let signing = scenario.aws.lambda("GET", &path, &Value::Null)?;
    assert_eq!(
        signing.unwrap_or_default()["CodeSigningConfigArn"],
        json!(arn)
    );
    scenario.proxy.heal();
    scenario.configure(ARGUMENTS)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()
}

/// The policy hides the retention of the log group, which counts again when the policy goes.
#[test]
fn a_retention_policy_of_the_account_is_no_drift() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let policy = || {
        Rule::action(
            "DescribeLogGroups",
            Fault::Replace(
                "\"retentionInDays\": ",
                "\"retentionPolicyName\": \"organization\", \"retentionInDays\": 7",
            ),
        )
    };
    scenario.proxy.add(policy());
    scenario.expect_empty_plan()?;
    scenario.configure(&format!("{ARGUMENTS}\n  log_retention_in_days = 90"))?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.proxy.heal();
    scenario.expect_empty_plan()
}
