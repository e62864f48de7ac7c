//! The event that reports the end of the work on an image reaches whoever deploys it.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, LocalAws, REGION, Service};
use tests::{wait, workspace};

use super::{ARGUMENTS, BUILDER, GENERATOR, LIMIT, NAME, Scenario};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image, text};

const EXAMPLE: &str = "examples/ecs-deployment";

/// Creates a queue that receives what a pattern matches.
fn queue(aws: &LocalAws, pattern: &str) -> Result<String> {
    let name = json!({"QueueName": "deployments"});
    let queue = aws.call(Service::Queues, "CreateQueue", &name)?;
    let rule = json!({"Name": "deploy", "EventPattern": pattern});
    aws.call(Service::Events, "PutRule", &rule)?;
    let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:deployments");
    let targets = json!({"Rule": "deploy", "Targets": [{"Id": "queue", "Arn": arn}]});
    aws.call(Service::Events, "PutTargets", &targets)?;
    Ok(text(&queue["QueueUrl"])?.to_owned())
}

/// Waits for the next event of the queue.
fn receive(scenario: &Scenario, queue: &str) -> Result<Value> {
    let message = wait::until("a completion event", LIMIT, || {
        let body = json!({"QueueUrl": queue, "MaxNumberOfMessages": 1});
        let answer = scenario
            .aws
            .call(Service::Queues, "ReceiveMessage", &body)?;
        Ok(answer["Messages"]
            .as_array()
            .and_then(|it| it.first().cloned()))
    });
    let message = message.with_context(|| scenario.logs())?;
    Ok(serde_json::from_str(text(&message["Body"])?)?)
}

/// Returns the policy of the index generator's role.
fn policy(scenario: &Scenario) -> Result<String> {
    let role = format!("&RoleName={GENERATOR}-{REGION}&PolicyName=soci-index-builder");
    scenario.aws.iam("GetRolePolicy", &role)
}

#[test]
fn a_deployment_starts_when_the_index_is_there() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    // The example as it stands, but for its names.
    for entry in std::fs::read_dir(workspace::root().join(EXAMPLE))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let file = std::fs::read_to_string(&path)?;
        scenario.terraform.write(name.context("no name")?, &file)?;
    }
    let values = format!("name = \"{NAME}\"\ntag  = \"{TAG}\"\n");
    scenario.terraform.write("terraform.tfvars", &values)?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    let pattern = scenario.terraform.output("event_pattern")?;
    let queue = queue(&scenario.aws, text(&pattern)?)?;
    for document in ["state_machine", "policy"] {
        let document = scenario.terraform.output(document)?;
        let document: Value = serde_json::from_str(text(&document)?)?;
        assert!(
            document.to_string().contains("service/shop/web"),
            "{document}"
        );
    }

    assert!(policy(&scenario)?.contains("PutEvents"));
    let digest = scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    let event = receive(&scenario, &queue)?;
    assert_eq!(event["source"], "soci.index-builder");
    assert_eq!(event["detail-type"], "SOCI Index Action");
    assert_eq!(
        (&event["account"], &event["region"]),
        (&json!(ACCOUNT), &json!(REGION))
    );
    let detail = &event["detail"];
    assert_eq!(detail["result"], "SUCCESS");
    assert_eq!(detail["function-name"], GENERATOR);
    assert_eq!(detail["image-digest"], digest);
    // What is to be deployed is there.
    let enabled = scenario.manifest(REPOSITORY, ENABLED)?;
    let enabled = enabled.context("no SOCI-enabled image")?;
    assert_eq!(detail["deploy-digest"], enabled.digest);

    // It is switched off again, with the right to send.
    scenario.configure(ARGUMENTS)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    assert!(!policy(&scenario)?.contains("PutEvents"));
    for (action, body) in [
        ("RemoveTargets", json!({"Rule": "deploy", "Ids": ["queue"]})),
        ("DeleteRule", json!({"Name": "deploy"})),
    ] {
        scenario.aws.call(Service::Events, action, &body)?;
    }
    scenario.expect_nothing_after_destroy()
}
