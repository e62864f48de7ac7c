//! Interrupted applies and killed providers.

use anyhow::{Context, Result, bail, ensure};
use tests::fake::proxy::{Fault, Rule};
use tests::interrupt::Interrupt;
use tests::process::{Process, kill_hard};
use tests::terraform::{APPLY, LIMIT, PROVIDER};
use tests::wait;

use super::{ARGUMENTS, Scenario};

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
