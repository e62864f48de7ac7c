//! Pushes and events that cross.

use anyhow::Result;
use tests::fake::proxy::{Fault, Rule};
use tests::wait;

use crate::function::AMPLE;
use crate::scenario::{ENABLED, REPOSITORY, Scenario, TAG, event, text};

#[test]
fn an_older_push_leaves_the_tag_alone() -> Result<()> {
    let scenario = Scenario::new()?;
    let old = scenario.push(TAG, 1)?;
    let new = scenario.push(TAG, 2)?;
    let generator = scenario.generator("V2")?;
    let answer = generator.expect(event(&old, Some(TAG)))?;
    assert!(answer.contains("the newer push wins"), "{answer}");
    assert!(answer.contains(&new), "{answer}");
    assert_eq!(scenario.tags()?, [TAG]);
    generator.expect(event(&new, Some(TAG)))?;
    scenario.expect_enabled(ENABLED, TAG)?;
    // The same out of order.
    generator.expect(event(&old, Some(TAG)))?;
    scenario.expect_enabled(ENABLED, TAG)?;
    Ok(())
}

#[test]
fn a_push_while_an_older_one_is_read_wins() -> Result<()> {
    let scenario = Scenario::new()?;
    let old = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    let number = scenario.send_and_hold(&generator, &old)?;
    scenario.push(TAG, 2)?;
    scenario.proxy.heal();
    let answer = generator.answer(number)?.expect("no error");
    assert!(text(&answer)?.contains("the newer push wins"), "{answer}");
    assert_eq!(scenario.tags()?, [TAG]);
    Ok(())
}

#[test]
fn a_job_that_overtakes_a_newer_push_indexes_it_too() -> Result<()> {
    let scenario = Scenario::new()?;
    let old = scenario.push(TAG, 1)?;
    let slow = scenario.generator("V2")?;
    // It is about to tag the output of the older push, after its last check.
    let path = format!("/v2/{REPOSITORY}/manifests/{ENABLED}");
    scenario
        .proxy
        .add(Rule::new("PUT", &path, Fault::HoldRequest).times(1));
    let number = slow.fake.send(event(&old, Some(TAG)), AMPLE);
    wait::until("the output to be tagged", wait::SOON, || {
        Ok(scenario.proxy.is_holding().then_some(()))
    })?;
    let new = scenario.push(TAG, 2)?;
    let fast = scenario.generator("V2")?;
    fast.expect(event(&new, Some(TAG)))?;
    let right = scenario.expect_enabled(ENABLED, TAG)?;
    scenario.proxy.heal();
    let answer = slow.answer(number)?.expect("no error");
    assert!(text(&answer)?.contains(&new), "{answer}");
    assert_eq!(scenario.expect_enabled(ENABLED, TAG)?, right);
    Ok(())
}

#[test]
fn concurrent_jobs_for_one_event_agree() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push_both(TAG)?;
    for version in ["V1", "V2"] {
        let generators = [scenario.generator(version)?, scenario.generator(version)?];
        let numbers = generators
            .each_ref()
            .map(|generator| generator.fake.send(event(&digest, Some(TAG)), AMPLE));
        for (generator, number) in generators.iter().zip(numbers) {
            let answer = generator.answer(number)?;
            assert!(answer.is_ok(), "{answer:?}\n{}", generator.output());
        }
    }
    scenario.expect_enabled(ENABLED, TAG)?;
    for manifest in scenario.manifest(TAG)?.json["manifests"]
        .as_array()
        .into_iter()
        .flatten()
    {
        assert_eq!(scenario.referrers(text(&manifest["digest"])?)?.len(), 1);
    }
    Ok(())
}
