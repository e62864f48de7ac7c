//! Sweeps: a lost event is healed.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, LocalAws, REGION, Service, percent_encoded};

use super::drift::expect_repairs;
use super::{ARGUMENTS, BUILDER, FILTER, NAME, Scenario};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image, text};

const RULE: &str = "images.sweep";

fn events(aws: &LocalAws, action: &str, body: &Value) -> Result<Value> {
    aws.call(Service::Events, action, body)
}

fn rule_arn() -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{RULE}")
}

/// Invokes the event filter as the schedule does, and returns its answer.
pub(super) fn sweep(scenario: &Scenario) -> Result<String> {
    let event = json!({
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": "2026-01-02T03:04:05Z",
        "region": REGION,
        "resources": [rule_arn()],
        "detail": {},
    });
    let answer = scenario.aws.invoke(FILTER, &event)?;
    let body = answer["body"].as_str();
    Ok(body
        .with_context(|| format!("{answer}\n{}", scenario.logs()))?
        .to_owned())
}

/// Pushes an image whose event reaches nobody.
pub(super) fn push_unnoticed(scenario: &Scenario, tag: &str) -> Result<()> {
    let rule = json!({"Name": NAME});
    events(&scenario.aws, "DisableRule", &rule)?;
    scenario.push(REPOSITORY, tag, |layout| image(layout, "amd64", 1))?;
    events(&scenario.aws, "EnableRule", &rule)?;
    let push = scenario.aws.pushes()?.pop().context("no push")?;
    assert!(push.reached.is_empty(), "{push:?}");
    Ok(())
}

/// Returns the role policy of a function.
pub(super) fn policy_of(scenario: &Scenario, function: &str) -> Result<String> {
    let role = percent_encoded(&format!("{function}-{REGION}"));
    let arguments = format!("&RoleName={role}&PolicyName=soci-index-builder");
    scenario.aws.iam("GetRolePolicy", &arguments)
}

#[test]
fn a_lost_push_is_healed() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    push_unnoticed(&scenario, TAG)?;
    assert_eq!(
        sweep(&scenario)?,
        "swept: 1 looked at, 0 indexed already, 1 handed on, 0 failed"
    );
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    assert_eq!(
        sweep(&scenario)?,
        "swept: 1 looked at, 1 indexed already, 0 handed on, 0 failed"
    );
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn a_lost_push_is_healed_for_v1() -> Result<()> {
    let scenario = Scenario::applied(&format!("{ARGUMENTS}\n  index_version = \"V1\""))?;
    push_unnoticed(&scenario, TAG)?;
    assert!(sweep(&scenario)?.contains("0 indexed already, 1 handed on"));
    scenario.wait_for_message(super::GENERATOR, &["indexed sha256:"])?;
    assert!(sweep(&scenario)?.contains("1 indexed already, 0 handed on"));
    Ok(())
}

#[test]
fn the_schedule_invokes_the_event_filter() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let filter = scenario.aws.function(FILTER)?.context("no function")?;
    assert_eq!(filter["Timeout"], 900);
    let rule = events(&scenario.aws, "DescribeRule", &json!({"Name": RULE}))?;
    assert_eq!(rule["ScheduleExpression"], "rate(1 day)", "{rule}");
    assert_eq!(rule["State"], "ENABLED", "{rule}");
    let targets = events(&scenario.aws, "ListTargetsByRule", &json!({"Rule": RULE}))?;
    let target = json!([{"Id": "event-filter", "Arn": filter["FunctionArn"]}]);
    assert_eq!(targets["Targets"], target);
    let path = format!("/2015-03-31/functions/{FILTER}/policy");
    let permissions = scenario.aws.lambda("GET", &path, &Value::Null)?;
    let permissions: Value =
        serde_json::from_str(text(&permissions.context("no policy")?["Policy"])?)?;
    let mut statements = permissions["Statement"].as_array().context("none")?.iter();
    let own = statements.find(|statement| statement["Sid"] == "AllowEventBridgeSchedule");
    let own = own.with_context(|| permissions.to_string())?;
    assert_eq!(own["Principal"]["Service"], "events.amazonaws.com");
    assert_eq!(own["Condition"]["ArnLike"]["AWS:SourceArn"], rule_arn());
    let builder = scenario.builder()?.values;
    assert_eq!(
        (&builder["sweep_rule_name"], &builder["sweep_rule_arn"]),
        (&json!(RULE), &json!(rule_arn()))
    );
    assert!(policy_of(&scenario, FILTER)?.contains("DescribeImages"));

    let hourly = format!("{ARGUMENTS}\n  sweep_schedule = \"cron(0 * * * ? *)\"");
    scenario.configure(&hourly)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    let rule = events(&scenario.aws, "DescribeRule", &json!({"Name": RULE}))?;
    assert_eq!(rule["ScheduleExpression"], "cron(0 * * * ? *)");

    // Without a schedule, the event filter has no rights that it does not need.
    scenario.configure(&format!("{ARGUMENTS}\n  sweep_schedule = \"\""))?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    assert_eq!(Vec::from_iter(scenario.aws.account()?.rules), [NAME]);
    assert!(!policy_of(&scenario, FILTER)?.contains("ecr"));
    let filter = scenario.aws.function(FILTER)?.context("no function")?;
    assert_eq!(filter["Timeout"], 60);
    scenario.expect_nothing_after_destroy()
}

#[test]
fn a_schedule_that_is_none_is_refused() -> Result<()> {
    let scenario = Scenario::new(&format!("{ARGUMENTS}\n  sweep_schedule = \"daily\""))?;
    let plan = ["plan", "-no-color", "-input=false"];
    let said = scenario.terraform.run(&plan)?;
    assert!(!said.status.success(), "{said}");
    let said = said.all().replace(['\n', '│'], " ");
    let said: Vec<&str> = said.split_whitespace().collect();
    let said = said.join(" ");
    assert!(said.contains("Invalid schedule"), "{said}");
    assert!(
        said.contains("Got \"daily\": want a rate such as \"rate(1 day)\""),
        "{said}"
    );
    Ok(())
}

#[test]
fn the_schedule_is_repaired() -> Result<()> {
    expect_repairs(&[
        ("no schedule", |aws| {
            let targets = json!({"Rule": RULE, "Ids": ["event-filter"]});
            events(aws, "RemoveTargets", &targets)?;
            events(aws, "DeleteRule", &json!({"Name": RULE}))?;
            Ok(())
        }),
        ("another schedule", |aws| {
            let rule = json!({"Name": RULE, "ScheduleExpression": "rate(2 days)"});
            events(aws, "PutRule", &rule)?;
            Ok(())
        }),
        ("a disabled schedule", |aws| {
            events(aws, "DisableRule", &json!({"Name": RULE}))?;
            Ok(())
        }),
        ("another target", |aws| {
            let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:other");
            let targets = json!({"Rule": RULE, "Targets": [{"Id": "event-filter", "Arn": arn}]});
            events(aws, "PutTargets", &targets)?;
            Ok(())
        }),
        ("no permission for the schedule", |aws| {
            let path = format!("/2015-03-31/functions/{FILTER}/policy/AllowEventBridgeSchedule");
            aws.lambda("DELETE", &path, &Value::Null)?;
            Ok(())
        }),
    ])
}
