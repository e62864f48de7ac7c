//! Requests: the local AWS holds every one of them against AWS's own models of its services, so that
//! each test here checks what it sends. These tests are of that check.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::aws::{LocalAws, Service};

#[test]
fn what_no_model_allows_is_refused() -> Result<()> {
    let aws = LocalAws::start()?;
    let refused = |answer: Result<Value>, want: &str| {
        let Err(error) = answer else {
            anyhow::bail!("accepted, want {want}");
        };
        let error = error.to_string();
        ensure!(
            error.contains("InvalidByModel") && error.contains(want),
            "want {want}: {error}"
        );
        Ok(())
    };
    for (action, body, want) in [
        ("PutRule", json!({"Name": "a b"}), "PutRule.Name: got 'a b'"),
        ("PutRule", json!({}), "Name is missing"),
        (
            "PutRule",
            json!({"Name": "a", "Rule": 1}),
            "Rule is unknown",
        ),
        ("PutRule", json!({"Name": 1}), "want a string"),
        (
            "PutRule",
            json!({"Name": "a", "State": "ON"}),
            "want one of ['ENABLED'",
        ),
        ("PutRule", json!({"Name": "a".repeat(65)}), "got 65"),
        ("PutRules", json!({}), "no operation 'PutRules'"),
    ] {
        refused(aws.call(Service::Events, action, &body), want)?;
    }
    let function = "/2015-03-31/functions/x/configuration";
    let body = json!({"MemorySize": 12});
    let answer = aws.lambda("PUT", function, &body);
    refused(answer.map(Option::unwrap_or_default), "got 12, want 128")?;
    for (arguments, want) in [
        (
            "&RoleName=a%20b&AssumeRolePolicyDocument=%7B%7D",
            "CreateRole.RoleName",
        ),
        ("&RoleName=a&Bogus=1", "Bogus"),
        ("&RoleName=a", "AssumeRolePolicyDocument is missing"),
    ] {
        let answer = aws.iam("CreateRole", arguments);
        refused(answer.map(Value::from), want)?;
    }
    Ok(())
}

#[test]
fn what_models_allow_is_not() -> Result<()> {
    let aws = LocalAws::start()?;
    let rule = json!({
        "Name": "a",
        "EventPattern": "{\"source\":[\"aws.ecr\"]}",
        "State": "ENABLED",
        "Tags": [{"Key": "k", "Value": ""}],
    });
    aws.call(Service::Events, "PutRule", &rule)?;
    let role = "&RoleName=a&AssumeRolePolicyDocument=%7B%7D&Tags.member.1.Key=k&\
                Tags.member.1.Value=v&Tags.member.2.Key=l&Tags.member.2.Value=";
    aws.iam("CreateRole", role)?;
    ensure!(aws.iam("GetRole", "&RoleName=a")?.contains("<RoleName>a"));
    Ok(())
}
