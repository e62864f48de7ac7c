//! The check of a real account, `tests/aws/account.sh`, against the local AWS, so that it works when
//! somebody needs it.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tests::aws::{self, LocalAws, Service};
use tests::fake::proxy::{DENIED, Fault, Proxy, Rule};
use tests::interrupt::Interrupt;
use tests::process::{Output, Process};
use tests::terraform::{self, PROVIDER};
use tests::{binaries, wait, workspace};

/// Time limit of the whole check, on a busy machine.
const LIMIT: Duration = Duration::from_secs(400);

fn start(proxy: &Proxy, arguments: &[&str]) -> Result<Process> {
    let mut command = Command::new(workspace::root().join("tests/aws/account.sh"));
    terraform::without_foreign(&mut command);
    command.envs(aws::environment(proxy.address()));
    command.env("NO_PROXY", "127.0.0.1,localhost");
    command.arg("--provider").arg(binaries::stripped(PROVIDER)?);
    command.args(arguments);
    Process::start(&mut command, None)
}

fn finish(process: Process) -> Result<Output> {
    process.finish(LIMIT, &Interrupt::default())
}

/// Checks that the account has neither parts of builders nor repositories.
fn expect_nothing_left(aws: &LocalAws) -> Result<()> {
    let account = aws.account()?;
    ensure!(account.is_empty(), "left: {account:#?}");
    let repositories = aws.call(Service::Ecr, "DescribeRepositories", &json!({}))?;
    assert_eq!(repositories["repositories"], json!([]));
    Ok(())
}

#[test]
fn a_good_account_passes_every_check() -> Result<()> {
    let aws = LocalAws::start()?;
    let proxy = Proxy::start(aws.address())?;
    let output = finish(start(&proxy, &["--yes"])?)?.success()?;
    for wanted in [
        "pass  V2: release-1-soci has the image and its index",
        "pass  V2: release-small-soci names the image, which has no large layer",
        "pass  V1: an index refers to the image",
        "pass  other-1, which no filter matches, is left alone",
        "pass  terraform destroy",
        "pass  nothing is left",
        "17 passed, 0 failed",
    ] {
        ensure!(output.stdout.contains(wanted), "no {wanted:?} in {output}");
    }
    expect_nothing_left(&aws)
}

#[test]
fn a_failure_is_told_and_leaves_nothing() -> Result<()> {
    let aws = LocalAws::start()?;
    let proxy = Proxy::start(aws.address())?;
    proxy.add(Rule::action("PutTargets", Fault::Refuse(DENIED)));
    let output = finish(start(&proxy, &["--yes"])?)?;
    assert_eq!(output.status.code(), Some(1), "{output}");
    for wanted in [
        "FAIL  terraform apply creates two builders: ",
        "AWS access denied",
        "pass  terraform destroy",
        "pass  nothing is left",
        "1 failed",
    ] {
        ensure!(output.stdout.contains(wanted), "no {wanted:?} in {output}");
    }
    expect_nothing_left(&aws)
}

#[test]
fn an_interrupt_cleans_up() -> Result<()> {
    let aws = LocalAws::start()?;
    let proxy = Proxy::start(aws.address())?;
    proxy.add(Rule::new("POST", "/functions", Fault::HoldRequest));
    let process = start(&proxy, &["--yes"])?;
    wait::until("a function to be made", LIMIT, || {
        Ok(proxy.is_holding().then_some(()))
    })?;
    process.interrupt_leader()?;
    proxy.heal();
    let output = finish(process)?;
    assert_eq!(output.status.code(), Some(1), "{output}");
    ensure!(
        output.stdout.contains("interrupted: cleaning up"),
        "{output}"
    );
    expect_nothing_left(&aws)
}

#[test]
fn nothing_is_made_without_consent() -> Result<()> {
    let aws = LocalAws::start()?;
    let proxy = Proxy::start(aws.address())?;
    let output = finish(start(&proxy, &[])?)?;
    assert_eq!(output.status.code(), Some(1), "{output}");
    ensure!(output.stderr.contains("nothing was done"), "{output}");
    let requests = proxy.requests();
    let actions: Vec<_> = requests.iter().map(|its| its.action.as_deref()).collect();
    assert_eq!(actions, [Some("GetCallerIdentity")]);
    Ok(())
}
