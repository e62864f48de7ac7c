//! Slow, throttled and denied requests to AWS.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::aws::{ACCOUNT, REGION, Service};
use tests::fake::proxy::{
    DELETE_CONFLICT, DENIED, Fault, HAS_TARGETS, IN_PROGRESS, NOT_ASSUMABLE, Rule, THROTTLED,
    THROTTLED_BY_EC2, UNKNOWN_DESTINATION,
};

use super::{ARGUMENTS, BUILDER, FILTER, Scenario};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image};

#[test]
fn waits_for_a_new_role() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let refusal = Fault::Refuse(NOT_ASSUMABLE);
    scenario
        .proxy
        .add(Rule::new("POST", "/functions", refusal).times(3));
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    Ok(())
}

#[test]
fn retries_throttled_requests_and_updates_in_progress() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let throttled = || Fault::Refuse(THROTTLED);
    for action in [
        "CreateRole",
        "PutRolePolicy",
        "CreateLogGroup",
        "PutRule",
        "PutTargets",
    ] {
        scenario
            .proxy
            .add(Rule::action(action, throttled()).times(1));
    }
    scenario
        .proxy
        .add(Rule::new("POST", "/functions", throttled()).times(1));
    scenario.terraform.apply()?;
    scenario.proxy.heal();
    scenario.configure(&format!("{ARGUMENTS}\n  memory_size = 3008"))?;
    let conflict = Fault::Refuse(IN_PROGRESS);
    scenario
        .proxy
        .add(Rule::new("PUT", "/configuration", conflict).times(2));
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn waits_for_what_was_just_made_or_removed() -> Result<()> {
    let scenario = Scenario::new(&format!(
        "{ARGUMENTS}\n  on_failure_destination_arn = \"arn:aws:sqs:{REGION}:{ACCOUNT}:failed\""
    ))?;
    let queue = json!({"QueueName": "failed"});
    scenario.aws.call(Service::Queues, "CreateQueue", &queue)?;
    let refused = |method, path, refusal| Rule::new(method, path, Fault::Refuse(refusal)).times(2);
    for rule in [
        refused("POST", "/functions", THROTTLED_BY_EC2),
        refused("PUT", "/event-invoke-config", UNKNOWN_DESTINATION),
    ] {
        scenario.proxy.add(rule);
    }
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    for (action, refusal) in [("DeleteRule", HAS_TARGETS), ("DeleteRole", DELETE_CONFLICT)] {
        let rule = Rule::action(action, Fault::Refuse(refusal)).times(2);
        scenario.proxy.add(rule);
    }
    scenario.expect_nothing_after_destroy()
}

#[test]
fn lost_answers_are_looked_up() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let lost = |action| Rule::action(action, Fault::LoseAnswer).times(1);
    for action in ["CreateRole", "CreateLogGroup", "PutRule", "PutTargets"] {
        scenario.proxy.add(lost(action));
    }
    for path in ["/policy", "/functions"] {
        let lost = Rule::new("POST", path, Fault::LoseAnswer).times(1);
        scenario.proxy.add(lost);
    }
    scenario.terraform.apply()?;
    ensure!(!scenario.builder()?.tainted, "a lost answer taints");
    scenario.expect_empty_plan()?;
    for action in ["DeleteRole", "DeleteLogGroup", "DeleteRule"] {
        scenario.proxy.add(lost(action));
    }
    let function = format!("/functions/{FILTER}");
    let lost = Rule::new("DELETE", &function, Fault::LoseAnswer).times(1);
    scenario.proxy.add(lost);
    scenario.expect_nothing_after_destroy()
}

#[test]
fn a_failed_create_is_replaced_unless_it_is_untainted() -> Result<()> {
    for untaint in [false, true] {
        let scenario = Scenario::new(ARGUMENTS)?;
        scenario
            .proxy
            .add(Rule::action("PutTargets", Fault::Refuse(DENIED)));
        scenario.terraform.failing_apply()?;
        scenario.proxy.heal();
        let mut want = vec!["delete", "create"];
        if untaint {
            let untaint = ["untaint", "-no-color", BUILDER];
            scenario.terraform.run(&untaint)?.success()?;
            want = vec!["update"];
        }
        assert_eq!(scenario.terraform.planned(BUILDER)?, want);
        scenario.terraform.apply()?;
        scenario.expect_empty_plan()?;
        scenario.expect_nothing_after_destroy()?;
    }
    Ok(())
}

/// Rules that deny one request for each kind of part.
fn refusals() -> Vec<Rule> {
    let denied = || Fault::Refuse(DENIED);
    vec![
        Rule::action("PutRolePolicy", denied()),
        Rule::new("POST", "/functions", denied()),
        Rule::action("PutTargets", denied()),
    ]
}

#[test]
fn an_incomplete_create_is_completed() -> Result<()> {
    for rule in refusals() {
        let scenario = Scenario::new(ARGUMENTS)?;
        scenario.proxy.add(rule.clone());
        let (errors, output) = scenario.terraform.failing_apply()?;
        ensure!(
            errors
                .iter()
                .any(|error| error.detail.contains("not authorized")),
            "{rule:?}: {errors:#?}\n{output}"
        );
        ensure!(
            !scenario.aws.account()?.is_empty(),
            "{rule:?}: nothing was created"
        );
        ensure!(
            scenario.terraform.resource(BUILDER)?.is_some(),
            "{rule:?}: forgotten"
        );
        scenario.proxy.heal();
        scenario.terraform.apply()?;
        scenario.expect_empty_plan()?;
        scenario.expect_nothing_after_destroy()?;
    }
    Ok(())
}

#[test]
fn an_incomplete_create_is_destroyed() -> Result<()> {
    for rule in refusals() {
        let scenario = Scenario::new(ARGUMENTS)?;
        scenario.proxy.add(rule);
        scenario.terraform.failing_apply()?;
        scenario.proxy.heal();
        scenario.expect_nothing_after_destroy()?;
    }
    Ok(())
}

#[test]
fn an_incomplete_update_is_completed() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    scenario.configure("repository_image_tag_filters = [\"tools/*:*\"]\n  memory_size = 3008")?;
    scenario
        .proxy
        .add(Rule::action("PutRule", Fault::Refuse(DENIED)));
    scenario.terraform.failing_apply()?;
    scenario.proxy.heal();
    ensure!(!scenario.builder()?.tainted, "an update does not taint");
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn a_failed_read_is_not_drift() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    for rule in [
        Rule::new("GET", FILTER, Fault::Refuse(DENIED)),
        Rule::action("GetRole", Fault::Refuse(DENIED)),
        Rule::action("DescribeRule", Fault::Refuse(DENIED)),
    ] {
        scenario.proxy.add(rule.clone());
        let plan = scenario.terraform.plan();
        let Err(error) = plan else {
            panic!("{rule:?}: {plan:?}");
        };
        ensure!(
            error.to_string().contains("AccessDeniedException"),
            "{rule:?}: {error}"
        );
        scenario.proxy.heal();
    }
    scenario.expect_empty_plan()
}
