//! The event that reports the end of the work on an image.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::function::Function;
use crate::scenario::{ENABLED, REPOSITORY, Scenario, TAG, event};

const BUS: (&str, &str) = ("soci_completion_event_bus", "images");
/// The event that the guide shows.
const SAMPLE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/completion-event/event.json"
));

/// Returns the details of the events so far.
fn details(generator: &Function) -> Result<Vec<Value>> {
    let entries = generator.fake.entries().into_iter();
    let details = entries.map(|entry| {
        let detail = entry["Detail"].as_str().context("no detail")?;
        Ok(serde_json::from_str(detail)?)
    });
    details.collect()
}

#[test]
fn an_image_is_reported_with_what_to_deploy() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push_both(TAG)?;
    let generator = scenario.generator_with(&[BUS])?;
    generator.expect(event(&digest, Some(TAG)))?;
    let enabled = scenario.expect_enabled(ENABLED, TAG)?;
    let sample: Value = serde_json::from_str(SAMPLE)?;
    let [entry] = &generator.fake.entries()[..] else {
        panic!("{:?}", generator.fake.entries());
    };
    assert_eq!(entry["EventBusName"], "images");
    assert_eq!(entry["Source"], sample["source"]);
    assert_eq!(entry["DetailType"], sample["detail-type"]);
    assert_eq!(entry["Resources"], sample["resources"]);
    let detail = &details(&generator)?[0];
    let fields = |detail: &Value| -> Vec<String> {
        let fields = detail.as_object().into_iter().flatten();
        fields.map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(fields(detail), fields(&sample["detail"]));
    for (field, want) in [
        ("result", json!("SUCCESS")),
        ("function-name", json!("soci-test")),
        ("repository-name", json!(REPOSITORY)),
        ("image-tag", json!(TAG)),
        ("image-digest", json!(digest)),
        ("deploy-digest", json!(enabled)),
        ("index-version", json!("V2")),
        ("platforms", json!(["linux/amd64", "linux/arm64"])),
        ("layers-indexed", json!(4)),
        ("layers-left-out", json!(0)),
    ] {
        assert_eq!(detail[field], want, "{field}: {detail}");
    }
    let metrics = generator.metrics()?;
    assert_eq!(detail["layer-bytes"], metrics["LayerBytes"]);
    assert_eq!(detail["ztoc-bytes"], metrics["ZtocBytes"]);
    assert_eq!(metrics["CompletionEventsFailed"], 0);

    // Whoever missed it is told again.
    generator.expect(event(&digest, Some(TAG)))?;
    let again = &details(&generator)?[1];
    assert_eq!(again["result"], "ALREADY_INDEXED");
    assert_eq!(
        (&again["image-digest"], &again["deploy-digest"]),
        (&json!(digest), &json!(enabled))
    );
    Ok(())
}

#[test]
fn an_image_without_an_index_is_deployed_itself() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push_small(TAG)?;
    let large = ("soci_min_layer_size", "1000000");
    for version in ["V2", "V1"] {
        let version = ("soci_index_version", version);
        let generator = scenario.generator_with(&[BUS, large, version])?;
        // The second time, there is nothing to tag either.
        for number in 0..2 {
            let answer = generator.expect(event(&digest, Some(TAG)))?;
            let detail = &details(&generator)?[number];
            assert_eq!(detail["result"], "NOTHING_TO_INDEX");
            assert_eq!(detail["deploy-digest"], digest);
            assert_eq!(detail["reason"], answer);
            assert_eq!(detail["platforms"], json!([]));
        }
    }
    Ok(())
}

#[test]
fn what_another_invocation_does_is_not_reported() -> Result<()> {
    let scenario = Scenario::new()?;
    let older = scenario.push(TAG, 1)?;
    scenario.push(TAG, 2)?;
    let generator = scenario.generator_with(&[BUS])?;
    for (event, want) in [
        (event(&older, Some(TAG)), "the newer push wins"),
        (event(&older, Some(ENABLED)), "its tag ends in"),
        (event(&older, None), "without a tag"),
    ] {
        let answer = generator.expect(event)?;
        assert!(answer.contains(want), "{answer}");
    }
    assert_eq!(generator.fake.entries(), Vec::<Value>::new());

    // Nor is anything without a bus.
    let silent = scenario.generator("V2")?;
    let newer = scenario.manifest(TAG)?.digest;
    silent.expect(event(&newer, Some(TAG)))?;
    assert_eq!(silent.fake.entries(), Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_failure_is_reported_once() -> Result<()> {
    let scenario = Scenario::new()?;
    scenario.push(TAG, 1)?;
    let mut manifest = scenario.manifest(TAG)?;
    manifest.json["layers"][0]["size"] = json!(7);
    let body = manifest.json.to_string();
    let media_type = &manifest.media_type;
    let registry = &scenario.registry;
    registry.put_manifest(REPOSITORY, TAG, media_type, body.as_bytes())?;
    let digest = scenario.manifest(TAG)?.digest;
    let generator = scenario.generator_with(&[BUS])?;
    let error = generator.expect_error(event(&digest, Some(TAG)), "InvalidImage")?;
    generator
        .retry(event(&digest, Some(TAG)))?
        .expect_err("an error");
    let [detail] = &details(&generator)?[..] else {
        panic!("{:?}", generator.fake.entries());
    };
    for (field, want) in [
        ("result", json!("FAILURE")),
        ("image-digest", json!(digest)),
        ("failure-code", json!("InvalidImage")),
        ("final", json!(true)),
        ("reason", json!(error)),
        ("deploy-digest", Value::Null),
    ] {
        assert_eq!(detail[field], want, "{field}: {detail}");
    }
    Ok(())
}

#[test]
fn a_bus_that_refuses_fails_nothing() -> Result<()> {
    for (status, reason) in [(400, "not allowed"), (200, "InternalFailure: no room")] {
        let scenario = Scenario::new()?;
        let digest = scenario.push(TAG, 1)?;
        let generator = scenario.generator_with(&[BUS])?;
        generator.fake.refuse_entries(status);
        generator.expect(event(&digest, Some(TAG)))?;
        scenario.expect_enabled(ENABLED, TAG)?;
        let metrics = generator.metrics()?;
        assert_eq!(metrics["CompletionEventsFailed"], 1);
        assert_eq!(metrics["ImagesIndexed"], 1);
        let log = generator.log()?;
        let warning = log.iter().find(|line| line["level"] == "WARN");
        let warning = warning.context("no warning")?;
        assert_eq!(warning["bus"], "images");
        assert_eq!(warning["message"], "cannot send the completion event");
        let error = warning["error"].as_str().unwrap_or_default();
        assert!(error.contains(reason), "{warning}");
    }
    Ok(())
}
