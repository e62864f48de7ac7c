//! Layers that are remembered: not read again, and not lost when the time is up.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::function::{AMPLE, Function};
use crate::scenario::{ENABLED, Scenario, TAG, event, text};

const TABLE: (&str, &str) = ("soci_ztoc_table", "images-ztocs");

fn generator(scenario: &Scenario, variables: &[(&str, &str)]) -> Result<Function> {
    scenario.generator_with(&[&[TABLE], variables].concat())
}

#[test]
fn layers_of_an_earlier_push_are_not_read() -> Result<()> {
    let scenario = Scenario::new()?;
    let first = scenario.push(TAG, 1)?;
    let generator_one = generator(&scenario, &[])?;
    generator_one.expect(event(&first, Some(TAG)))?;
    let items = generator_one.fake.items();
    assert_eq!(items.len(), 2, "{items:?}");
    for (key, item) in &items {
        assert!(key.starts_with("shop/web@sha256:"), "{key}");
        let expires: u64 = text(&item["expires"]["N"])?.parse()?;
        assert!(expires > 1_700_000_000, "{item}");
    }
    let full = scenario.expect_enabled(ENABLED, TAG)?;

    // The same image under another tag, and another process.
    let again = scenario.push("2.0", 1)?;
    assert_eq!(again, first);
    let before = scenario.proxy.requests().len();
    let generator_two = generator(&scenario, &[])?;
    generator_two.fake.put_items(items);
    let answer = generator_two.expect(event(&again, Some("2.0")))?;
    let (_, reads) = scenario.costs_since(before);
    assert_eq!(reads, 0, "layers were read");
    assert!(answer.contains("2 known from before"), "{answer}");
    assert_eq!(scenario.expect_enabled("2.0-soci", "2.0")?, full);
    let metrics = generator_two.metrics()?;
    assert_eq!(metrics["ReusedLayers"], 2);
    assert_eq!(metrics["LayerBytes"], 0);
    assert!(metrics["ReusedBytes"].as_u64() > Some(0), "{metrics}");

    // Of an image that shares a layer, the other one is read.
    let next = scenario.push("3.0", 2)?;
    let answer = generator_two.expect(event(&next, Some("3.0")))?;
    scenario.expect_enabled("3.0-soci", "3.0")?;
    assert!(!answer.contains("2 known from before"), "{answer}");
    Ok(())
}

#[test]
fn a_table_that_fails_costs_nothing_but_time() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = generator(&scenario, &[])?;
    generator.fake.lose_table();
    generator.expect(event(&digest, Some(TAG)))?;
    scenario.expect_enabled(ENABLED, TAG)?;
    let log = generator.log()?;
    let warnings: Vec<&Value> = log.iter().filter(|line| line["level"] == "WARN").collect();
    let [warning] = warnings[..] else {
        panic!("{warnings:?}");
    };
    assert_eq!(warning["table"], "images-ztocs");
    let message = text(&warning["message"])?;
    assert!(message.contains("every layer is read"), "{message}");
    Ok(())
}

#[test]
fn what_is_remembered_counts_only_if_it_is_there() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let full = generator(&scenario, &[])?;
    full.expect(event(&digest, Some(TAG)))?;
    let items = full.fake.items();

    // Another registry has the image, and no zTOC.
    let elsewhere = Scenario::new()?;
    assert_eq!(elsewhere.push(TAG, 1)?, digest);
    let generator = generator(&elsewhere, &[])?;
    generator.fake.put_items(items);
    let answer = generator.expect(event(&digest, Some(TAG)))?;
    assert!(!answer.contains("known"), "{answer}");
    let (here, there) = (
        scenario.expect_enabled(ENABLED, TAG)?,
        elsewhere.expect_enabled(ENABLED, TAG)?,
    );
    assert_eq!(here, there);
    Ok(())
}

/// The second layer never comes while the first invocation runs, so that it stops in its middle.
#[test]
fn an_invocation_goes_on_where_another_stopped() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = generator(&scenario, &[])?;
    let layer = scenario.hold_layer()?;
    let push = event(&digest, Some(TAG));
    let number = generator.fake.send(&push, Duration::from_secs(3));
    let answer = generator
        .answer(number)?
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let answer = text(&answer)?;
    assert!(answer.contains("1 layers read, 1 being read"), "{answer}");
    assert!(answer.contains("goes on, number 1 of 12"), "{answer}");
    assert_eq!(generator.metrics()?["ImagesContinued"], 1);
    assert_eq!(scenario.tags()?, [TAG]);

    let invoked = generator.fake.invoked();
    let [passed_on] = &invoked[..] else {
        panic!("{invoked:?}");
    };
    assert_eq!(passed_on.kind, "Event");
    let function = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Asoci-test";
    assert!(passed_on.path.contains(function), "{}", passed_on.path);
    let next: Value = serde_json::from_slice(&passed_on.payload)?;
    assert_eq!(next["soci-continuation"], 1);
    assert_eq!(next["detail"], push["detail"]);

    // Nothing new: it fails, as it would without a memory.
    let number = generator.fake.send(&next, Duration::from_secs(3));
    let error = generator.answer(number)?.expect_err("no step forward");
    assert_eq!(error["errorType"], "DeadlineExceeded", "{error}");
    assert_eq!(generator.fake.invoked().len(), 1);

    scenario.proxy.heal();
    let before = scenario.proxy.requests().len();
    let number = generator.fake.send(&next, AMPLE);
    let answer = generator.answer(number)?.ok().context("an answer")?;
    assert!(text(&answer)?.contains("1 known from before"), "{answer}");
    let requests = scenario.proxy.requests().split_off(before);
    let read = requests.iter().filter(|request| request.range.is_some());
    for request in read {
        assert!(request.path.contains(&layer), "{}", request.path);
    }
    scenario.expect_enabled(ENABLED, TAG)?;
    Ok(())
}

#[test]
fn an_event_is_passed_on_a_bounded_number_of_times() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = generator(&scenario, &[])?;
    scenario.hold_layer()?;
    let mut push = event(&digest, Some(TAG));
    push["soci-continuation"] = 12.into();
    let number = generator.fake.send(&push, Duration::from_secs(3));
    let error = generator.answer(number)?.expect_err("too often");
    assert_eq!(error["errorType"], "DeadlineExceeded", "{error}");
    assert!(
        text(&error["errorMessage"])?.contains("continued too often"),
        "{error}"
    );
    assert_eq!(generator.fake.invoked().len(), 0);
    Ok(())
}
