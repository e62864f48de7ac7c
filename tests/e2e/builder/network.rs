//! Functions in a VPC, and the network interfaces that Lambda makes for them.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::fake::proxy::{Fault, Request, Rule};

use super::{ARGUMENTS, FILTER, GENERATOR, Scenario};

const VPC: &str = r#"vpc_config {
    subnet_ids         = ["subnet-1"]
    security_group_ids = ["sg-1"]
  }"#;

/// Returns the positions of the requests for which `is_wanted` holds.
fn positions(requests: &[Request], is_wanted: impl Fn(&Request) -> bool) -> Vec<usize> {
    let all = requests.iter().enumerate();
    let wanted = all.filter(|(_, request)| is_wanted(request));
    wanted.map(|(position, _)| position).collect()
}

fn actions(requests: &[Request], action: &str) -> Vec<usize> {
    positions(requests, |its| its.action.as_deref() == Some(action))
}

fn configured(requests: &[Request], function: &str) -> Vec<usize> {
    let path = format!("/functions/{function}/configuration");
    positions(requests, |its| {
        its.method == "PUT" && its.path.contains(&path)
    })
}

#[test]
fn a_function_leaves_its_vpc_before_its_role_loses_the_right_to_it() -> Result<()> {
    let scenario = Scenario::applied(&format!("{ARGUMENTS}\n  {VPC}"))?;
    scenario.expect_empty_plan()?;
    let before = scenario.proxy.requests().len();
    scenario.configure(ARGUMENTS)?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    let requests = scenario.proxy.requests().split_off(before);
    let detached = actions(&requests, "DetachRolePolicy");
    assert_eq!(detached.len(), 2, "{requests:#?}");
    // The index generator comes first.
    for (function, detached) in [GENERATOR, FILTER].iter().zip(detached) {
        let left = configured(&requests, function);
        ensure!(left.first() < Some(&detached), "{function}: {requests:#?}");
        let vpc = scenario.aws.function(function)?.context("no function")?;
        assert_eq!(vpc["VpcConfig"]["SubnetIds"], json!([]), "{function}");
    }
    scenario.expect_nothing_after_destroy()
}

#[test]
fn a_destroy_empties_the_vpc_and_deletes_the_roles_last() -> Result<()> {
    let scenario = Scenario::applied(&format!("{ARGUMENTS}\n  {VPC}"))?;
    let before = scenario.proxy.requests().len();
    scenario.expect_nothing_after_destroy()?;
    let requests = scenario.proxy.requests().split_off(before);
    let roles = actions(&requests, "DeleteRole");
    assert_eq!(roles.len(), 2, "{requests:#?}");
    for function in [FILTER, GENERATOR] {
        let left = configured(&requests, function);
        let path = format!("/functions/{function}");
        let deleted = positions(&requests, |its| {
            its.method == "DELETE" && its.path.ends_with(&path)
        });
        assert_eq!((left.len(), deleted.len()), (1, 1), "{requests:#?}");
        ensure!(
            left[0] < deleted[0] && deleted[0] < roles[0],
            "{requests:#?}"
        );
    }
    let groups = actions(&requests, "DeleteLogGroup");
    ensure!(groups.last() < roles.first(), "{requests:#?}");
    Ok(())
}

#[test]
fn a_function_that_does_not_leave_its_vpc_is_named() -> Result<()> {
    let timeouts = "timeouts {\n    delete = \"40s\"\n  }";
    let scenario = Scenario::applied(&format!("{ARGUMENTS}\n  {VPC}\n  {timeouts}"))?;
    let path = format!("/functions/{FILTER}/configuration");
    scenario
        .proxy
        .add(Rule::new("PUT", &path, Fault::HoldRequest));
    let output = scenario.terraform.destroy()?;
    for part in ["Network interfaces may be left", FILTER, "subnet-1", "sg-1"] {
        ensure!(output.all().contains(part), "no {part}: {output}");
    }
    // The index generator has left its own.
    let warnings = output
        .all()
        .matches("Network interfaces may be left")
        .count();
    assert_eq!(warnings, 1, "{output}");
    let account = scenario.aws.account()?;
    ensure!(account.is_empty(), "destroy left {account:#?}");
    Ok(())
}
