//! Changes made outside Terraform show in the next plan and are repaired by the next apply.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, LocalAws, REGION, Service};

use super::{ARGUMENTS, FILTER, GENERATOR, NAME, Scenario};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image};

/// An empty zip in base64.
const EMPTY_ZIP: &str = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";

/// A change and its description.
type Change = (&'static str, fn(&LocalAws) -> Result<()>);

/// Checks for each change that a plan shows it and an apply repairs it.
pub(super) fn expect_repairs(changes: &[Change]) -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let whole = scenario.aws.account()?;
    for (what, change) in changes {
        change(&scenario.aws).context(*what)?;
        let plan = scenario.terraform.plan().context(*what)?;
        ensure!(plan.changes, "{what}: the plan is empty:\n{}", plan.output);
        scenario.terraform.apply().context(*what)?;
        scenario.expect_empty_plan().context(*what)?;
        assert_eq!(scenario.aws.account()?, whole, "{what}");
    }
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    scenario.expect_nothing_after_destroy()
}

fn function(aws: &LocalAws, method: &str, path: &str, body: &Value) -> Result<()> {
    aws.lambda(method, path, body)?
        .with_context(|| format!("{path} does not exist"))?;
    Ok(())
}

fn configure(aws: &LocalAws, name: &str, settings: &Value) -> Result<()> {
    let path = format!("/2015-03-31/functions/{name}/configuration");
    function(aws, "PUT", &path, settings)
}

fn role(of: &str) -> String {
    format!("{of}-{REGION}")
}

fn iam(aws: &LocalAws, action: &str, arguments: &str) -> Result<()> {
    aws.iam(action, arguments)?;
    Ok(())
}

fn events(aws: &LocalAws, action: &str, body: &Value) -> Result<()> {
    aws.call(Service::Events, action, body)?;
    Ok(())
}

#[test]
fn functions_are_repaired() -> Result<()> {
    expect_repairs(&[
        ("less memory", |aws| {
            configure(aws, GENERATOR, &json!({"MemorySize": 128}))
        }),
        ("an empty environment", |aws| {
            configure(aws, FILTER, &json!({"Environment": {"Variables": {}}}))
        }),
        ("other code", |aws| {
            let path = format!("/2015-03-31/functions/{GENERATOR}/code");
            function(aws, "PUT", &path, &json!({"ZipFile": EMPTY_ZIP}))
        }),
        ("no concurrency", |aws| {
            let path = format!("/2017-10-31/functions/{GENERATOR}/concurrency");
            function(
                aws,
                "PUT",
                &path,
                &json!({"ReservedConcurrentExecutions": 0}),
            )
        }),
        ("other retries", |aws| {
            let path = format!("/2019-09-25/functions/{GENERATOR}/event-invoke-config");
            function(aws, "PUT", &path, &json!({"MaximumRetryAttempts": 0}))
        }),
        ("no permission for the rule", |aws| {
            let path = format!("/2015-03-31/functions/{FILTER}/policy/AllowEventBridgeRule");
            function(aws, "DELETE", &path, &Value::Null)
        }),
        ("no event filter", |aws| {
            function(
                aws,
                "DELETE",
                &format!("/2015-03-31/functions/{FILTER}"),
                &Value::Null,
            )
        }),
        ("no index generator", |aws| {
            function(
                aws,
                "DELETE",
                &format!("/2015-03-31/functions/{GENERATOR}"),
                &Value::Null,
            )
        }),
    ])
}

#[test]
fn roles_and_log_groups_are_repaired() -> Result<()> {
    expect_repairs(&[
        ("no policy", |aws| {
            let name = format!(
                "&RoleName={}&PolicyName=soci-index-builder",
                role(GENERATOR)
            );
            iam(aws, "DeleteRolePolicy", &name)
        }),
        ("other trust", |aws| {
            let name = role(FILTER);
            let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
            let arguments = format!("&RoleName={name}&PolicyDocument={policy}");
            iam(aws, "UpdateAssumeRolePolicy", &arguments)
        }),
        ("no role", |aws| {
            let name = format!("&RoleName={}", role(FILTER));
            iam(
                aws,
                "DeleteRolePolicy",
                &format!("{name}&PolicyName=soci-index-builder"),
            )?;
            iam(aws, "DeleteRole", &name)
        }),
        ("an unmanaged policy", |aws| {
            let name = role(GENERATOR);
            let policy = "arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FReadOnlyAccess";
            let arguments = format!("&RoleName={name}&PolicyArn={policy}");
            iam(aws, "AttachRolePolicy", &arguments)
        }),
        ("other retention", |aws| {
            let name = format!("/aws/lambda/{GENERATOR}");
            let body = json!({"logGroupName": name, "retentionInDays": 1});
            aws.call(Service::Logs, "PutRetentionPolicy", &body)?;
            Ok(())
        }),
        ("no log group", |aws| {
            let body = json!({"logGroupName": format!("/aws/lambda/{FILTER}")});
            aws.call(Service::Logs, "DeleteLogGroup", &body)?;
            Ok(())
        }),
    ])
}

#[test]
fn the_rule_is_repaired() -> Result<()> {
    expect_repairs(&[
        ("disabled", |aws| {
            events(aws, "DisableRule", &json!({"Name": NAME}))
        }),
        ("another pattern", |aws| {
            let pattern = json!({"source": ["aws.ec2"]}).to_string();
            events(
                aws,
                "PutRule",
                &json!({"Name": NAME, "EventPattern": pattern}),
            )
        }),
        ("a foreign target", |aws| {
            let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:theirs");
            let targets = json!({"Rule": NAME, "Targets": [{"Id": "theirs", "Arn": arn}]});
            events(aws, "PutTargets", &targets)
        }),
        ("no target", |aws| {
            events(
                aws,
                "RemoveTargets",
                &json!({"Rule": NAME, "Ids": ["event-filter"]}),
            )
        }),
        ("no rule", |aws| {
            events(
                aws,
                "RemoveTargets",
                &json!({"Rule": NAME, "Ids": ["event-filter"]}),
            )?;
            events(aws, "DeleteRule", &json!({"Name": NAME}))
        }),
    ])
}

#[test]
fn destroy_ignores_missing_parts() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let aws = &scenario.aws;
    function(
        aws,
        "DELETE",
        &format!("/2015-03-31/functions/{FILTER}"),
        &Value::Null,
    )?;
    events(
        aws,
        "RemoveTargets",
        &json!({"Rule": NAME, "Ids": ["event-filter"]}),
    )?;
    events(aws, "DeleteRule", &json!({"Name": NAME}))?;
    let body = json!({"logGroupName": format!("/aws/lambda/{FILTER}")});
    aws.call(Service::Logs, "DeleteLogGroup", &body)?;
    scenario.expect_nothing_after_destroy()
}
