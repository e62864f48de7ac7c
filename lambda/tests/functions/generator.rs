//! The index generator.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tests::fake::lambda::FakeLambda;
use tests::fake::proxy::{Fault, Rule};

use crate::function::{Function, Kind};
use crate::scenario::{ENABLED, REPOSITORY, Scenario, TAG, event, text};

#[test]
fn v2_publishes_a_soci_enabled_image() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    let answer = generator.expect(event(&digest, Some(TAG)))?;
    assert_eq!(
        answer,
        format!("indexed {digest}: 2 of 2 layers have a zTOC")
    );
    let enabled = scenario.expect_enabled(ENABLED, TAG)?;

    let log = generator.log()?;
    let summary = log.iter().find(|line| line["message"] == answer.as_str());
    let summary = summary.expect("a summary");
    assert_eq!(summary["requestId"], "request-1");
    assert_eq!(summary["repository"], REPOSITORY);
    assert_eq!(
        (&summary["tag"], &summary["digest"]),
        (&json!(TAG), &json!(digest))
    );
    assert_eq!(summary["output"], enabled);
    assert_eq!(
        (&summary["layers"], &summary["ztocs"]),
        (&json!(2), &json!(2))
    );
    assert!(summary["bytes"].as_u64() > Some(300_000), "{summary}");
    assert!(summary["ztocBytes"].as_u64() > Some(1000), "{summary}");
    assert!(summary["milliseconds"].is_u64(), "{summary}");
    let metrics = generator.metrics()?;
    assert_eq!(metrics["ImagesIndexed"], 1);
    assert_eq!(metrics["LayerBytes"], summary["bytes"]);
    assert_eq!(metrics["FunctionName"], "soci-test");
    assert_eq!(
        metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"],
        "SociIndexBuilder"
    );
    Ok(())
}

#[test]
fn v2_covers_every_platform() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push_both(TAG)?;
    let generator = scenario.generator_with(&[("soci_tag_suffix", ".lazy")])?;
    generator.expect(event(&digest, Some(TAG)))?;
    scenario.expect_enabled("1.4.lazy", TAG)?;
    // The same event once more.
    let before = scenario.proxy.requests().len();
    let again = generator.expect(event(&digest, Some(TAG)))?;
    assert!(again.ends_with("it is indexed already"), "{again}");
    assert_eq!(scenario.costs_since(before), (0, 0));
    Ok(())
}

#[test]
fn v1_refers_to_the_image() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V1")?;
    // With or without a tag.
    generator.expect(event(&digest, None))?;
    let indexes = scenario.referrers(&digest)?;
    assert_eq!(indexes.len(), 1);
    let index = scenario.expect_index(&indexes[0])?;
    assert_eq!(index["subject"]["digest"], digest);
    assert_eq!(scenario.tags()?.len(), 2, "{:?}", scenario.tags()?);

    let before = scenario.proxy.requests().len();
    let again = generator.expect(event(&digest, Some(TAG)))?;
    assert!(again.ends_with("it is indexed already"), "{again}");
    assert_eq!(scenario.costs_since(before), (0, 0));

    // The push of the index has an event of its own.
    let answer = generator.expect(event(&indexes[0], None))?;
    assert!(answer.contains("soci.index.v1+json"), "{answer}");
    let mut named = event(&indexes[0], None);
    named["detail"]["artifact-media-type"] = json!("application/vnd.amazon.soci.index.v1+json");
    let tokens = generator.fake.tokens();
    let answer = generator.expect(named)?;
    assert!(answer.ends_with("it is a SOCI index"), "{answer}");
    assert_eq!(generator.fake.tokens(), tokens);
    Ok(())
}

#[test]
fn v1_covers_every_platform_of_an_image_index() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push_both(TAG)?;
    let generator = scenario.generator("V1")?;
    generator.expect(event(&digest, Some(TAG)))?;
    let manifests = scenario.manifest(TAG)?.json["manifests"].clone();
    for manifest in manifests.as_array().expect("manifests") {
        let manifest = text(&manifest["digest"])?;
        let indexes = scenario.referrers(manifest)?;
        assert_eq!(indexes.len(), 1, "{manifest}");
        scenario.expect_index(&indexes[0])?;
        // The push of each platform has an event, too.
        let before = scenario.proxy.requests().len();
        let again = generator.expect(event(manifest, None))?;
        assert!(again.ends_with("it is indexed already"), "{again}");
        assert_eq!(scenario.costs_since(before), (0, 0));
    }
    Ok(())
}

#[test]
fn the_same_event_twice_changes_nothing() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    generator.expect(event(&digest, Some(TAG)))?;
    let enabled = scenario.manifest(ENABLED)?.digest;
    let before = scenario.proxy.requests().len();
    let again = generator.expect(event(&digest, Some(TAG)))?;
    assert!(again.ends_with("it is indexed already"), "{again}");
    assert_eq!(scenario.costs_since(before), (0, 0));
    assert_eq!(scenario.manifest(ENABLED)?.digest, enabled);

    // Other options give another index.
    let other = scenario.generator_with(&[("soci_span_size", "131072")])?;
    let answer = other.expect(event(&digest, Some(TAG)))?;
    assert!(answer.starts_with("indexed"), "{answer}");
    assert_ne!(scenario.expect_enabled(ENABLED, TAG)?, enabled);
    Ok(())
}

#[test]
fn a_missing_ztoc_is_built_again() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    generator.expect(event(&digest, Some(TAG)))?;
    let enabled = scenario.expect_enabled(ENABLED, TAG)?;
    let manifest = scenario.manifest(ENABLED)?.json["manifests"][1].clone();
    let index = scenario.expect_index(text(&manifest["digest"])?)?;
    // The registry reports it as missing.
    let path = format!("blobs/{}", text(&index["layers"][0]["digest"])?);
    scenario
        .proxy
        .add(Rule::new("HEAD", &path, Fault::Answer(404)).times(1));
    let answer = generator.expect(event(&digest, Some(TAG)))?;
    assert!(answer.starts_with("indexed"), "{answer}");
    assert_eq!(scenario.expect_enabled(ENABLED, TAG)?, enabled);
    Ok(())
}

#[test]
fn a_soci_enabled_image_is_not_indexed() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    generator.expect(event(&digest, Some(TAG)))?;
    let enabled = scenario.manifest(ENABLED)?;
    // The event of the output's own push.
    let answer = generator.expect(event(&enabled.digest, Some(ENABLED)))?;
    assert!(answer.contains("its tag ends in \"-soci\""), "{answer}");
    // Somebody promotes the SOCI-enabled image.
    let (media_type, body) = (&enabled.media_type, &enabled.body);
    scenario
        .registry
        .put_manifest(REPOSITORY, "prod", media_type, body)?;
    let answer = generator.expect(event(&enabled.digest, Some("prod")))?;
    assert!(answer.ends_with("it is a SOCI-enabled image"), "{answer}");
    // The same goes for its manifests, whatever the version.
    let v1 = scenario.generator("V1")?;
    let manifest = text(&enabled.json["manifests"][0]["digest"])?.to_owned();
    for digest in [&enabled.digest, &manifest] {
        let answer = v1.expect(event(digest, None))?;
        assert!(answer.ends_with("it is a SOCI-enabled image"), "{answer}");
    }
    assert_eq!(scenario.tags()?, [TAG, ENABLED, "prod"]);
    Ok(())
}

#[test]
fn nothing_to_index_is_no_error() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator_with(&[("soci_min_layer_size", "10485760")])?;
    let tokens = generator.fake.tokens();
    let untagged = generator.expect(event(&digest, None))?;
    assert!(untagged.contains("pushed without a tag"), "{untagged}");
    assert_eq!(generator.fake.tokens(), tokens);
    assert_eq!(generator.metrics()?["ImagesSkipped"], 1);

    let small = generator.expect(event(&digest, Some(TAG)))?;
    assert!(
        small.contains("fewer than the minimum layer size of 10485760"),
        "{small}"
    );

    let empty = json!({"schemaVersion": 2, "mediaType":
        "application/vnd.oci.image.index.v1+json", "manifests": []});
    let media_type = "application/vnd.oci.image.index.v1+json";
    let body = empty.to_string();
    scenario
        .registry
        .put_manifest(REPOSITORY, "empty", media_type, body.as_bytes())?;
    let digest = scenario.manifest("empty")?.digest;
    let answer = generator.expect(event(&digest, Some("empty")))?;
    assert!(
        answer.contains("not a container image, but an index without"),
        "{answer}"
    );

    let gone = format!("sha256:{}", "0".repeat(64));
    let v1 = scenario.generator("V1")?;
    let answer = v1.expect(event(&gone, Some("gone")))?;
    assert!(answer.ends_with("no longer exists"), "{answer}");
    let answer = generator.expect(event(&gone, Some("gone")))?;
    assert!(answer.ends_with("the tag no longer exists"), "{answer}");
    let long = "t".repeat(126);
    let answer = generator.expect(event(&gone, Some(&long)))?;
    assert!(answer.contains("too long to append \"-soci\""), "{answer}");
    assert_eq!(scenario.tags()?, [TAG, ENABLED, "empty"]);
    Ok(())
}

#[test]
fn an_event_does_not_decide_where_the_token_goes() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    // Values that could be part of a host are refused before any request.
    for (field, value) in [
        ("region", "eu-west-1.evil.test/"),
        ("region", "evil.test"),
        ("account", "evil.test/012345"),
    ] {
        let mut crafted = event(&digest, Some(TAG));
        crafted[field] = json!(value);
        let error = generator.expect_error(crafted, "InvalidEvent")?;
        assert!(error.contains(&format!("event: {field}: got")), "{error}");
    }
    for name in [
        "evil.test:443/web",
        "@evil.test/web",
        "../../web",
        "web?a=b",
    ] {
        let mut crafted = event(&digest, Some(TAG));
        crafted["detail"]["repository-name"] = json!(name);
        let error = generator.expect_error(crafted, "InvalidEvent")?;
        assert!(error.contains("detail.repository-name"), "{error}");
    }
    assert_eq!(generator.fake.tokens(), 0);
    assert!(scenario.proxy.requests().is_empty());
    // A name that could be a host of its own stays a repository of the one registry.
    let mut crafted = event(&digest, Some(TAG));
    crafted["detail"]["repository-name"] = json!("evil.test/web");
    crafted["region"] = json!("us-east-2");
    generator.expect(crafted)?;
    let requests = scenario.proxy.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert!(
            request.path.starts_with("/v2/evil.test/web/"),
            "{}",
            request.path
        );
    }
    Ok(())
}

#[test]
fn a_token_for_another_account_is_not_used() -> Result<()> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let registry = "https://210987654321.dkr.ecr.eu-west-1.amazonaws.com";
    let generator = Function::start(Kind::Generator, FakeLambda::start(registry)?, &[])?;
    let error = generator.expect_error(event(&digest, Some(TAG)), "WrongRegistry")?;
    let want = "belongs to account 210987654321, want the function's own, 123456789012";
    assert!(error.contains(want), "{error}");
    assert_eq!(generator.metrics()?["ImagesFailed"], 1);
    Ok(())
}

#[test]
fn it_stops_before_the_deadline() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    scenario.hold_layer()?;
    let number = generator
        .fake
        .send(event(&digest, Some(TAG)), Duration::from_secs(3));
    let error = generator.answer(number)?.expect_err("an error");
    assert_eq!(error["errorType"], "DeadlineExceeded", "{error}");
    let message = text(&error["errorMessage"])?;
    assert!(message.contains("1 layers read, 1 being read"), "{message}");
    assert!(message.contains("more time or more memory"), "{message}");
    assert_eq!(generator.metrics()?["ImagesFailed"], 1);
    assert_eq!(scenario.tags()?, [TAG]);

    // The next attempt has the time it takes.
    scenario.proxy.heal();
    generator.expect(event(&digest, Some(TAG)))?;
    scenario.expect_enabled(ENABLED, TAG)?;
    Ok(())
}

#[test]
fn a_registry_that_refuses_is_an_error() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    let path = format!("/v2/{REPOSITORY}/manifests/{ENABLED}");
    scenario
        .proxy
        .add(Rule::new("PUT", &path, Fault::Answer(403)));
    let error = generator.expect_error(event(&digest, Some(TAG)), "IndexingFailed")?;
    assert!(error.contains("403 Forbidden"), "{error}");
    let log = generator.log()?;
    assert!(
        log.iter()
            .any(|line| line["level"] == "ERROR" && line["digest"] == digest)
    );
    Ok(())
}

#[test]
fn an_invalid_environment_fails_every_event() -> Result<()> {
    let scenario = Scenario::new()?;
    let generator = scenario.generator_with(&[("soci_index_version", "V3")])?;
    let event = event(&format!("sha256:{}", "0".repeat(64)), Some(TAG));
    let error = generator.expect_error(event, "InvalidConfiguration")?;
    assert_eq!(
        error,
        "environment variable soci_index_version: got \"V3\", want V1 or V2"
    );
    assert_eq!(generator.fake.tokens(), 0);
    Ok(())
}
