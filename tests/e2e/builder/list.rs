//! `terraform query`, which Terraform has had since 1.14: builders are found, and imported.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, REGION, Service};
use tests::fake::proxy::{DENIED, Fault, Rule};
use tests::terraform::{Terraform, Version};

use super::{ARGUMENTS, FILTER, GENERATOR, NAME, REQUIRED, Scenario, configured_with};

/// Returns a query for builders.
pub(super) fn query(arguments: &str, config: &str) -> String {
    format!(
        "list \"soci_index_builder\" \"all\" {{\n  provider = soci\n  {arguments}\n  config {{\n    \
         {config}\n  }}\n}}\n"
    )
}

/// A configuration of nothing but a query.
fn another(scenario: &Scenario, arguments: &str, config: &str) -> Result<Terraform> {
    let terraform = configured_with(Version::Pinned, &scenario.proxy, REQUIRED)?;
    terraform.write("builders.tfquery.hcl", &query(arguments, config))?;
    Ok(terraform)
}

/// Returns the names of builders that were found, and checks that each has its identity.
fn names(found: &[Value]) -> Result<Vec<&str>> {
    let mut names = Vec::new();
    for found in found {
        assert_eq!(found["resource_type"], "soci_index_builder");
        let name = found["display_name"].as_str().context("no name")?;
        let identity = json!({"name": name, "region": REGION});
        assert_eq!(found["identity"], identity, "{found}");
        names.push(name);
    }
    names.sort_unstable();
    Ok(names)
}

/// Two builders, one of which listens to another event bus, and functions that are no builder's.
fn scenario() -> Result<(Scenario, Terraform)> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let bus = json!({"Name": "images-bus"});
    scenario.aws.call(Service::Events, "CreateEventBus", &bus)?;
    let other = scenario.another(ARGUMENTS)?;
    let text = super::configuration("memory_size = 2048\n  event_bus_name = \"images-bus\"");
    other.write("main.tf", &text.replace("\"images\"", "\"other\""))?;
    other.apply()?;
    // It has the name and the environment, and not the tag; it has the tag, and not the name.
    let environment = json!({"Variables": {"soci_repository_image_tag_filters": "*:*"}});
    let tags = json!({"soci-index-builder": "images/1"});
    for (name, tags) in [("foreign-filter", json!({})), ("foreign", tags)] {
        let function = json!({
            "FunctionName": name,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": format!("arn:aws:iam::{ACCOUNT}:role/r"),
            "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
            "Environment": environment,
            "Tags": tags,
        });
        let path = "/2015-03-31/functions";
        let made = scenario.aws.lambda("POST", path, &function)?;
        made.context("no function was made")?;
    }
    Ok((scenario, other))
}

#[test]
fn builders_are_found_by_their_functions() -> Result<()> {
    let (scenario, _other) = scenario()?;
    let terraform = another(&scenario, "", "")?;
    let found = terraform.query()?;
    assert_eq!(names(&found)?, [NAME, "other"]);
    assert!(found.iter().all(|found| found["resource_object"].is_null()));

    // No more than are wanted, and whole, whatever bus they are on.
    let write = |arguments: &str, config: &str| {
        terraform.write("builders.tfquery.hcl", &query(arguments, config))
    };
    write("limit = 1", "")?;
    assert_eq!(terraform.query()?.len(), 1);
    write("include_resource = true", &format!("region = \"{REGION}\""))?;
    let found = terraform.query()?;
    assert_eq!(names(&found)?, [NAME, "other"]);
    for found in &found {
        let (memory, bus) = match found["display_name"] == "other" {
            true => (2048, "images-bus"),
            false => (1769, "default"),
        };
        let state = &found["resource_object"];
        assert_eq!(state["memory_size"], memory, "{state}");
        assert_eq!(state["event_bus_name"], bus);
        assert_eq!(state["drift"], json!([]), "{state}");
        assert_eq!(state["id"], found["display_name"]);
    }
    write("", "region = \"us-east-1\"")?;
    assert_eq!(terraform.query()?, [Value::Null; 0]);

    // A part of a builder is enough to find it.
    let path = format!("/2015-03-31/functions/{FILTER}");
    scenario.aws.lambda("DELETE", &path, &Value::Null)?;
    write("", "")?;
    assert_eq!(names(&terraform.query()?)?, [NAME, "other"]);
    let path = format!("/2015-03-31/functions/{GENERATOR}");
    scenario.aws.lambda("DELETE", &path, &Value::Null)?;
    assert_eq!(names(&terraform.query()?)?, ["other"]);
    Ok(())
}

#[test]
fn what_a_query_generates_imports_builders_without_a_change() -> Result<()> {
    let (scenario, other) = scenario()?;
    for terraform in [&scenario.terraform, &other] {
        let forget = ["state", "rm", "-no-color", super::BUILDER];
        terraform.run(&forget)?.success()?;
    }
    let terraform = another(&scenario, "include_resource = true", "")?;
    let generate = ["query", "-no-color", "-generate-config-out=generated.tf"];
    terraform.run(&generate)?.success()?;
    std::fs::remove_file(terraform.directory().join("builders.tfquery.hcl"))?;
    let output = terraform.apply()?;
    ensure!(
        output.all().contains("2 imported, 0 added, 0 changed"),
        "{output}"
    );
    terraform.expect_empty_plan()
}

#[test]
fn a_builder_that_cannot_be_read_is_listed_with_a_warning() -> Result<()> {
    let (scenario, _other) = scenario()?;
    let path = format!("/2015-03-31/functions/{FILTER}");
    let denied = Rule::new("GET", &path, Fault::Refuse(DENIED));
    scenario.proxy.add(denied);
    let terraform = another(&scenario, "include_resource = true", "")?;
    let found = terraform.query()?;
    assert_eq!(names(&found)?, [NAME, "other"]);
    for found in &found {
        let is_read = found["display_name"] == "other";
        assert_eq!(found["resource_object"].is_object(), is_read, "{found}");
    }
    let output = terraform.run(&["query", "-no-color"])?.success()?;
    ensure!(
        output.all().contains("Warning: AWS access denied"),
        "{output}"
    );
    Ok(())
}

#[test]
fn wrong_regions_fail_the_validation() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let terraform = another(&scenario, "", "region = \"Ireland\"")?;
    let output = terraform.run(&["validate", "-no-color", "-query"])?;
    ensure!(!output.status.success(), "{output}");
    ensure!(output.all().contains("\"Ireland\""), "{output}");
    Ok(())
}
