//! The output's tag: a deployment of `<tag>-soci` always runs the image of `<tag>`.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::fake::proxy::{Fault, Refusal, Rule};
use tests::wait;

use crate::function::{AMPLE, Function};
use crate::scenario::{ENABLED, REPOSITORY, Scenario, TAG, event, text};

/// Skips the small layers of the tests' images, and indexes the large ones.
const LARGE_ONLY: (&str, &str) = ("soci_min_layer_size", "100000");
const NO_ALIAS: (&str, &str) = ("soci_tag_unindexed_images", "false");

/// Amazon ECR's answer to a push that would move an immutable tag.
const IMMUTABLE: Refusal = Refusal {
    status: 400,
    code: "TAG_INVALID",
    message: "The image tag '1.4-soci' already exists in the 'shop/web' repository and cannot be \
              overwritten because the tag is immutable.",
};

fn put_of_output() -> String {
    format!("/v2/{REPOSITORY}/manifests/{ENABLED}")
}

/// Checks that the output's tag names the source image itself.
fn expect_alias(scenario: &Scenario) -> Result<()> {
    let (output, source) = (scenario.manifest(ENABLED)?, scenario.manifest(TAG)?);
    ensure!(
        output.digest == source.digest,
        "{ENABLED} names {}",
        output.digest
    );
    ensure!(output.body == source.body && output.media_type == source.media_type);
    Ok(())
}

/// Events of a pull-through cache may have a tag and no digest.
#[test]
fn an_event_with_a_tag_alone_is_about_what_the_tag_names() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let mut cached = event(&digest, Some(TAG));
    cached["detail-type"] = json!("ECR Pull Through Cache Action");
    cached["detail"]["sync-status"] = json!("SUCCESS");
    cached["detail"]["image-digest"] = json!(null);
    let generator = scenario.generator("V2")?;
    let answer = generator.expect(&cached)?;
    assert!(
        answer.starts_with(&format!("indexed {digest}: ")),
        "{answer}"
    );
    scenario.expect_enabled(ENABLED, TAG)?;
    let answer = scenario.generator("V1")?.expect(&cached)?;
    assert!(
        answer.starts_with(&format!("indexed {digest}: ")),
        "{answer}"
    );
    assert_eq!(scenario.referrers(&digest)?.len(), 1);
    cached["detail"]["image-tag"] = json!("gone");
    let answer = generator.expect(&cached)?;
    assert_eq!(answer, "skipped shop/web:gone: the tag no longer exists");
    Ok(())
}

#[test]
fn an_image_without_an_index_is_its_own_output() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push_small(TAG)?;
    let generator = scenario.generator_with(&[LARGE_ONLY])?;
    let answer = generator.expect(event(&digest, Some(TAG)))?;
    let want = "tagged shop/web:1.4 itself as \"1.4-soci\": no layer was indexed: ";
    assert!(answer.starts_with(want), "{answer}");
    expect_alias(&scenario)?;
    assert_eq!(generator.metrics()?["ImagesSkipped"], 1);

    let before = scenario.proxy.requests().len();
    let again = generator.expect(event(&digest, Some(TAG)))?;
    assert!(
        again.starts_with("skipped shop/web:1.4: no layer"),
        "{again}"
    );
    assert_eq!(scenario.costs_since(before), (0, 0));

    // V1 has no output to tag.
    let v1 = scenario.generator_with(&[LARGE_ONLY, ("soci_index_version", "V1")])?;
    let answer = v1.expect(event(&digest, Some(TAG)))?;
    assert!(answer.starts_with("skipped"), "{answer}");
    assert_eq!(scenario.tags()?, [TAG, ENABLED]);
    Ok(())
}

#[test]
fn the_output_follows_the_tag_to_an_image_without_an_index_and_back() -> Result<()> {
    let scenario = Scenario::new()?;
    let generator = scenario.generator_with(&[LARGE_ONLY])?;
    for seed in [1, 2] {
        let indexed = scenario.push(TAG, seed)?;
        generator.expect(event(&indexed, Some(TAG)))?;
        let output = scenario.manifest(ENABLED)?;
        assert_eq!(output.json["manifests"].as_array().map(Vec::len), Some(2));
        let small = scenario.push_small(TAG)?;
        generator.expect(event(&small, Some(TAG)))?;
        expect_alias(&scenario)?;
        // The older event once more, late.
        let answer = generator.expect(event(&indexed, Some(TAG)))?;
        assert!(answer.contains("the newer push wins"), "{answer}");
        expect_alias(&scenario)?;
    }
    Ok(())
}

#[test]
fn an_alias_that_overtakes_a_newer_push_gives_way() -> Result<()> {
    let scenario = Scenario::new()?;
    let small = scenario.push_small(TAG)?;
    let slow = scenario.generator_with(&[LARGE_ONLY])?;
    let hold = Rule::new("PUT", &put_of_output(), Fault::HoldRequest);
    scenario.proxy.add(hold.times(1));
    let number = slow.fake.send(event(&small, Some(TAG)), AMPLE);
    wait::until("the output to be tagged", wait::SOON, || {
        Ok(scenario.proxy.is_holding().then_some(()))
    })?;
    let new = scenario.push(TAG, 1)?;
    let fast = scenario.generator_with(&[LARGE_ONLY])?;
    fast.expect(event(&new, Some(TAG)))?;
    let right = scenario.manifest(ENABLED)?.digest;
    scenario.proxy.heal();
    let answer = slow.answer(number)?.expect("no error");
    assert!(text(&answer)?.contains(&new), "{answer}");
    assert_eq!(scenario.manifest(ENABLED)?.digest, right);
    Ok(())
}

#[test]
fn an_outdated_output_follows_the_tag_to_an_artifact_or_a_soci_enabled_image() -> Result<()> {
    let scenario = Scenario::new()?;
    let generator = scenario.generator("V2")?;
    let first = scenario.push("base", 1)?;
    generator.expect(event(&first, Some("base")))?;
    let enabled = scenario.manifest("base-soci")?;
    let index = "application/vnd.oci.image.index.v1+json";
    let empty = json!({"schemaVersion": 2, "mediaType": index, "manifests": []}).to_string();
    for (body, reason) in [
        (empty.as_bytes(), "not a container image"),
        (&enabled.body, "it is a SOCI-enabled image"),
    ] {
        let image = scenario.push(TAG, 2)?;
        generator.expect(event(&image, Some(TAG)))?;
        scenario.expect_enabled(ENABLED, TAG)?;
        scenario
            .registry
            .put_manifest(REPOSITORY, TAG, index, body)?;
        let digest = scenario.manifest(TAG)?.digest;
        let answer = generator.expect(event(&digest, Some(TAG)))?;
        assert!(answer.contains(reason), "{answer}");
        expect_alias(&scenario)?;
    }
    Ok(())
}

#[test]
fn without_aliases_an_outdated_output_is_a_final_failure() -> Result<()> {
    let scenario = Scenario::new()?;
    let generator = scenario.generator_with(&[LARGE_ONLY, NO_ALIAS])?;
    let small = scenario.push_small(TAG)?;
    let answer = generator.expect(event(&small, Some(TAG)))?;
    assert!(answer.starts_with("skipped"), "{answer}");
    assert_eq!(scenario.tags()?, [TAG]);

    let indexed = scenario.push(TAG, 1)?;
    generator.expect(event(&indexed, Some(TAG)))?;
    let output = scenario.manifest(ENABLED)?.digest;
    // The same image, with options by which no layer is indexed: the output still runs it.
    let none = scenario.generator_with(&[("soci_min_layer_size", "10485760"), NO_ALIAS])?;
    let answer = none.expect(event(&indexed, Some(TAG)))?;
    assert!(answer.starts_with("skipped"), "{answer}");

    let small = scenario.push_small(TAG)?;
    let error = generator.expect_error(event(&small, Some(TAG)), "TagOutdated")?;
    for part in ["\"1.4-soci\"", &output, &small, "no layer was indexed"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(scenario.manifest(ENABLED)?.digest, output);
    expect_remembered(&scenario, &generator, &small, &error)
}

#[test]
fn an_immutable_output_with_other_content_is_a_final_failure() -> Result<()> {
    let scenario = Scenario::new()?;
    let first = scenario.push(TAG, 1)?;
    scenario.generator("V2")?.expect(event(&first, Some(TAG)))?;
    let output = scenario.manifest(ENABLED)?.digest;
    let refuse = Rule::new("PUT", &put_of_output(), Fault::Deny(IMMUTABLE));
    scenario.proxy.add(refuse);
    let other = scenario.generator_with(&[("soci_span_size", "131072")])?;
    let error = other.expect_error(event(&first, Some(TAG)), "TagImmutable")?;
    for part in [
        "\"1.4-soci\" is immutable",
        &output,
        "tags that end in \"-soci\"",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(other.metrics()?["ImagesFailed"], 1);
    assert_eq!(scenario.manifest(ENABLED)?.digest, output);
    // By the first generator and by the other one, which does not try twice.
    let requests = scenario.proxy.requests();
    let puts = requests
        .iter()
        .filter(|request| request.method == "PUT" && request.path == put_of_output());
    assert_eq!(puts.count(), 2);
    expect_remembered(&scenario, &other, &first, &error)
}

#[test]
fn an_immutable_output_that_is_right_is_no_failure() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    generator.expect(event(&digest, Some(TAG)))?;
    let right = scenario.manifest(ENABLED)?;
    let source = scenario.manifest(TAG)?;
    let name = |manifest: &tests::registry::Manifest| {
        let (media_type, body) = (&manifest.media_type, &manifest.body);
        scenario
            .registry
            .put_manifest(REPOSITORY, ENABLED, media_type, body)
    };
    name(&source)?;
    let number = scenario.send_and_hold(&generator, &digest)?;
    // Meanwhile the tag is set, as by an attempt whose answer was lost.
    name(&right)?;
    scenario.proxy.heal();
    let refuse = Rule::new("PUT", &put_of_output(), Fault::Deny(IMMUTABLE));
    scenario.proxy.add(refuse);
    let answer = generator.answer(number)?.expect("no error");
    assert!(text(&answer)?.starts_with("indexed"), "{answer}");
    assert_eq!(scenario.manifest(ENABLED)?.digest, right.digest);
    Ok(())
}

/// Checks that Lambda's retry of the last invocation gets the same error without any request, and
/// that another invocation is a new attempt.
fn expect_remembered(
    scenario: &Scenario,
    function: &Function,
    digest: &str,
    error: &str,
) -> Result<()> {
    let (requests, tokens) = (scenario.proxy.requests().len(), function.fake.tokens());
    let answer = function.retry(event(digest, Some(TAG)))?;
    let again = answer.err().context("no error")?;
    ensure!(text(&again["errorMessage"])? == error, "{again}");
    ensure!(scenario.proxy.requests().len() == requests);
    ensure!(function.fake.tokens() == tokens);
    let new = function.invoke(event(digest, Some(TAG)))?;
    ensure!(new.is_err(), "{new:?}");
    ensure!(scenario.proxy.requests().len() > requests, "not tried");
    Ok(())
}

#[test]
fn an_image_without_a_platform_is_its_own_output() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push_without_platform(TAG)?;
    let generator = scenario.generator("V2")?;
    let answer = generator.expect(event(&digest, Some(TAG)))?;
    let want = "tagged shop/web:1.4 itself as \"1.4-soci\": ";
    assert!(answer.starts_with(want), "{answer}");
    assert!(answer.contains("names no platform"), "{answer}");
    expect_alias(&scenario)?;
    let v1 = scenario.generator("V1")?;
    v1.expect(event(&digest, Some(TAG)))?;
    assert_eq!(scenario.referrers(&digest)?.len(), 1);
    Ok(())
}
