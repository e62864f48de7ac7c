//! Tags: of the configuration, of somebody else, and where AWS knows none.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, REGION, Service};
use tests::fake::proxy::{Fault, Rule, UNKNOWN_ACTION};

use super::{ARGUMENTS, BUILDER, GENERATOR, NAME, Scenario, configuration};

/// Writes a configuration with these tags of the builder and this provider block.
fn configure(scenario: &Scenario, tags: &str, provider: &str) -> Result<()> {
    let builder = configuration(&format!("{ARGUMENTS}\n  tags = {{ {tags} }}"));
    let provider = format!("\nprovider \"soci\" {{\n{provider}\n}}\n");
    scenario.terraform.write("main.tf", &(builder + &provider))
}

/// Returns the tags of the index generator, that of its owner with the builder's name alone.
fn tags(scenario: &Scenario) -> Result<Value> {
    let path = format!("/2015-03-31/functions/{GENERATOR}");
    let function = scenario.aws.lambda("GET", &path, &Value::Null)?;
    let mut tags = function.context("no function")?["Tags"].clone();
    let owner = tags["soci-index-builder"].as_str().context("no owner")?;
    tags["soci-index-builder"] = owner.split('/').next().into();
    Ok(tags)
}

/// Tags the index generator and the rule as somebody else.
fn tag(scenario: &Scenario, key: &str, value: &str) -> Result<()> {
    let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{GENERATOR}");
    let path = format!("/2017-03-31/tags/{function}");
    let body = json!({"Tags": {key: value}});
    scenario.aws.lambda("POST", &path, &body)?;
    let rule = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{NAME}");
    let body = json!({"ResourceARN": rule, "Tags": [{"Key": key, "Value": value}]});
    scenario.aws.call(Service::Events, "TagResource", &body)?;
    Ok(())
}

#[test]
fn ignored_tags_are_left_alone() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let provider = r#"  default_tags {
    tags = { env = "prod", Scanned = "never" }
  }
  ignore_tags {
    keys         = ["Scanned"]
    key_prefixes = ["c7n:"]
  }"#;
    configure(&scenario, r#"team = "a", "c7n:owner" = "me""#, provider)?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    let first = json!({
        "env": "prod",
        "team": "a",
        "Scanned": "never",
        "c7n:owner": "me",
        "soci-index-builder": NAME,
    });
    assert_eq!(tags(&scenario)?, first);
    let all = json!({"env": "prod", "team": "a"});
    assert_eq!(scenario.builder()?.values["tags_all"], all);

    tag(&scenario, "Scanned", "yesterday")?;
    tag(&scenario, "c7n:policy", "stop at night")?;
    scenario.expect_empty_plan()?;
    tag(&scenario, "theirs", "1")?;
    configure(&scenario, r#"team = "b", "c7n:owner" = "me""#, provider)?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    let last = json!({
        "env": "prod",
        "team": "b",
        "Scanned": "yesterday",
        "c7n:owner": "me",
        "c7n:policy": "stop at night",
        "soci-index-builder": NAME,
    });
    assert_eq!(tags(&scenario)?, last);
    scenario.expect_nothing_after_destroy()
}

#[test]
fn tags_are_checked_at_plan() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let provider = "  default_tags {\n    tags = { Team = \"a\" }\n  }";
    for (tags, want) in [
        ("team = \"b\"", "differ only in case"),
        ("cost = \"100%\"", "contains '%'"),
    ] {
        configure(&scenario, tags, provider)?;
        let plan = scenario.terraform.plan();
        let Err(error) = plan else {
            panic!("{want}: {plan:?}");
        };
        let words = error.to_string().replace('│', " ");
        let words: Vec<&str> = words.split_whitespace().collect();
        ensure!(words.join(" ").contains(want), "{error}");
    }
    Ok(())
}

#[test]
fn default_tags_that_are_not_known_yet_move_no_tag() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let configure = |env: &str| {
        let builder = configuration(&format!("{ARGUMENTS}\n  tags = {{ team = \"a\" }}"));
        let rest = format!(
            "\nprovider \"soci\" {{\n  default_tags {{\n    tags = {{ env = \
             terraform_data.env.output }}\n  }}\n}}\n\nresource \"terraform_data\" \"env\" {{\n  \
             input = \"{env}\"\n}}\n"
        );
        scenario.terraform.write("main.tf", &(builder + &rest))
    };
    configure("test")?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    configure("prod")?;
    let change = scenario.terraform.planned_change(BUILDER)?;
    assert_eq!(change["before"]["tags"], json!({"team": "a"}));
    assert_eq!(
        change["before"]["tags_all"],
        json!({"env": "test", "team": "a"})
    );
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    assert_eq!(tags(&scenario)?["env"], "prod");
    Ok(())
}

/// Isolated regions have such services.
#[test]
fn rules_and_log_groups_need_no_tags() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let unknown = |action| Rule::action(action, Fault::Refuse(UNKNOWN_ACTION));
    for action in ["ListTagsForResource", "TagResource", "UntagResource"] {
        scenario.proxy.add(unknown(action));
    }
    // DynamoDB has two of these actions as well, and knows them.
    let without_table = format!("{ARGUMENTS}\n  reuse_ztocs = false");
    scenario.configure(&without_table)?;
    for action in ["CreateLogGroup", "PutRule"] {
        scenario.proxy.add(unknown(action).times(1));
    }
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.configure(&format!("{without_table}\n  tags = {{ team = \"a\" }}"))?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    assert_eq!(tags(&scenario)?["team"], "a");
    scenario.expect_nothing_after_destroy()
}
