//! The action `soci_sweep`. Terraform has had actions since 1.14.

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::aws::{ACCOUNT, REGION};
use tests::terraform::{Terraform, Version};

use super::sweep::push_unnoticed;
use super::{ARGUMENTS, FILTER, NAME, REQUIRED, Scenario, configured_with};
use crate::scenario::REPOSITORY;

/// Invokes the action.
pub(super) const INVOKE: [&str; 4] = [
    "apply",
    "-auto-approve",
    "-no-color",
    "-invoke=action.soci_sweep.this",
];

/// Returns a configuration of nothing but the action.
pub(super) fn sweep_configuration(arguments: &str) -> String {
    format!(
        "{REQUIRED}\naction \"soci_sweep\" \"this\" {{\n  config {{\n    {arguments}\n  }}\n}}\n"
    )
}

/// Another configuration than the builder's, which has the action alone.
fn another(scenario: &Scenario, arguments: &str) -> Result<Terraform> {
    let text = sweep_configuration(arguments);
    configured_with(Version::Pinned, &scenario.proxy, &text)
}

/// Checks that a command fails, and that its output has certain words.
fn expect_failure(terraform: &Terraform, command: &[&str], want: &[&str]) -> Result<()> {
    let output = terraform.run(command)?;
    ensure!(!output.status.success(), "{output}");
    let said = output.all().replace(['\n', '│', '╷', '╵'], " ");
    let said: Vec<&str> = said.split_whitespace().collect();
    let said = said.join(" ");
    for want in want {
        ensure!(said.contains(want), "no {want:?} in {said}");
    }
    Ok(())
}

#[test]
fn a_builder_sweeps_at_once() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    for tag in ["1.4", "1.5"] {
        push_unnoticed(&scenario, tag)?;
    }
    let some = format!(
        "builder = \"{NAME}\"\n    repository_image_tag_filters = [\"{REPOSITORY}:1.4\", \"tools/*:*\"]"
    );
    let terraform = another(&scenario, &some)?;
    let output = terraform.run(&INVOKE)?.success()?.all();
    for want in [
        "sweep started with request ",
        &format!("/aws/lambda/{FILTER}"),
    ] {
        ensure!(output.contains(want), "no {want}: {output}");
    }
    scenario.wait_for_enabled(REPOSITORY, "1.4-soci")?;
    let swept = [
        "swept: 1 looked at, 0 indexed already, 1 handed on",
        "only shop/web:1.4,tools/*:* was asked for",
    ];
    scenario.wait_for_message(FILTER, &swept)?;
    ensure!(
        scenario.manifest(REPOSITORY, "1.5-soci")?.is_none(),
        "more was indexed than was asked for"
    );

    let all = format!("builder = \"{NAME}\"\n    region = \"{REGION}\"");
    terraform.write("main.tf", &sweep_configuration(&all))?;
    terraform.run(&INVOKE)?.success()?;
    scenario.wait_for_enabled(REPOSITORY, "1.5-soci")?;
    let swept = ["swept: 2 looked at, 1 indexed already, 1 handed on"];
    scenario.wait_for_message(FILTER, &swept)?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn an_action_of_no_builder_is_refused() -> Result<()> {
    let scenario = Scenario::applied(&format!("{ARGUMENTS}\n  sweep_schedule = \"\""))?;
    let terraform = another(&scenario, "builder = \"absent\"")?;
    let account = format!("account {ACCOUNT}, region {REGION}");
    let want = ["Builder not found", "\"absent-filter\"", &account];
    expect_failure(&terraform, &INVOKE, &want)?;

    let own = sweep_configuration(&format!("builder = \"{NAME}\""));
    terraform.write("main.tf", &own)?;
    let want = ["Builder does not sweep", "sweep_schedule"];
    expect_failure(&terraform, &INVOKE, &want)?;

    // A function of the same name, which somebody else made.
    let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FILTER}");
    let path = format!("/2017-03-31/tags/{function}?tagKeys=soci-index-builder");
    scenario.aws.lambda("DELETE", &path, &Value::Null)?;
    let want = ["Not a builder's function", "\"images/…\""];
    expect_failure(&terraform, &INVOKE, &want)?;
    assert_eq!(scenario.messages(FILTER)?, [""; 0], "it was invoked");
    Ok(())
}

#[test]
fn wrong_arguments_fail_the_plan() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let terraform = another(&scenario, "builder = \"a b\"")?;
    let plan = ["validate", "-no-color"];
    expect_failure(&terraform, &plan, &["Invalid name"])?;
    let filters =
        "builder = \"a\"\n    repository_image_tag_filters = [\"shop\", \"a:*\", \"a:*\"]";
    terraform.write("main.tf", &sweep_configuration(filters))?;
    let want = ["Invalid filter", "write repository:tag", "Duplicate filter"];
    expect_failure(&terraform, &plan, &want)
}
