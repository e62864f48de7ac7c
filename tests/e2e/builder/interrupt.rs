//! Interrupted applies and killed providers.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use tests::fake::proxy::{Fault, Rule};
use tests::interrupt::Interrupt;
use tests::points::Points;
use tests::process::{Process, kill_hard};
use tests::terraform::{APPLY, LIMIT, PROVIDER};
use tests::wait;

use super::{ARGUMENTS, BUILDER, Scenario};

/// Kills of a provider within an apply. More, without terraform: `provider/tests/kills.rs`.
const KILLS: usize = 5;

/// Starts an apply that `rule` holds.
fn held(scenario: &Scenario, rule: Rule) -> Result<Process> {
    scenario.proxy.add(rule);
    let mut apply = scenario.terraform.start(APPLY)?;
    wait::until("the apply to stand still", wait::SOON, || {
        if let Some(status) = apply.try_status()? {
            bail!("it ended before: {status}\n{}", apply.output_so_far());
        }
        Ok(scenario.proxy.is_holding().then_some(()))
    })
    .with_context(|| format!("requests: {:#?}", scenario.proxy.requests()))?;
    Ok(apply)
}

#[test]
fn an_interrupted_create_is_completed_or_destroyed() -> Result<()> {
    for complete in [true, false] {
        let scenario = Scenario::new(ARGUMENTS)?;
        let apply = held(&scenario, Rule::action("PutRule", Fault::HoldRequest))?;
        apply.interrupt()?;
        let output = apply.finish(LIMIT, &Interrupt::default())?;
        ensure!(!output.status.success(), "{output}");
        scenario.proxy.heal();
        ensure!(
            !scenario.aws.account()?.is_empty(),
            "nothing was created: {output}"
        );
        if complete {
            scenario.terraform.apply()?;
            scenario.expect_empty_plan()?;
        }
        scenario.expect_nothing_after_destroy()?;
    }
    Ok(())
}

#[test]
fn an_apply_completes_after_a_killed_provider() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let apply = held(&scenario, Rule::action("PutRule", Fault::HoldRequest))?;
    for provider in apply.members(PROVIDER)? {
        kill_hard(provider)?;
    }
    let output = apply.finish(LIMIT, &Interrupt::default())?;
    ensure!(!output.status.success(), "{output}");
    scenario.proxy.heal();
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

/// Shows the points with `--nocapture`.
#[test]
fn a_provider_killed_at_any_time() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let terraform = &scenario.terraform;
    let start = Instant::now();
    terraform.apply()?;
    let clean = start.elapsed();
    let points = Points::choose(KILLS)?;
    scenario.expect_nothing_after_destroy()?;
    println!("{clean:.2?}, {points}");
    let repeat = || -> Result<()> {
        for point in points.of_time(clean) {
            let output = terraform.apply_with_kill(point)?;
            if terraform.resource(BUILDER)?.is_some() {
                scenario.expect_nothing_after_destroy()?;
            } else {
                ensure!(!output.status.success(), "{output}");
            }
        }
        terraform.apply()?;
        scenario.expect_empty_plan()?;
        scenario.expect_nothing_after_destroy()
    };
    repeat().with_context(|| points.to_string())
}
