//! Outputs of images that were deleted. What is deleted and what stays is shown against the local AWS
//! (`tests/e2e/builder/deletion.rs`).

use anyhow::Result;
use serde_json::{Value, json};
use tests::fake::proxy::{Fault, Rule};

use crate::function::Function;
use crate::scenario::{ENABLED, REPOSITORY, Scenario, TAG, event};

const DELETE: (&str, &str) = ("soci_delete_with_source", "true");
const BUS: (&str, &str) = ("soci_completion_event_bus", "images");

fn deletion(digest: &str) -> Value {
    let mut event = event(digest, Some(TAG));
    event["detail"]["action-type"] = json!("DELETE");
    event
}

/// Returns what was asked of Amazon ECR's API, beside the token.
fn asked(generator: &Function) -> Vec<String> {
    generator.fake.images(|images| images.requests().to_vec())
}

#[test]
fn a_deletion_that_is_denied_is_an_error_and_deletes_nothing() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator_with(&[DELETE, BUS])?;
    generator.expect(event(&digest, Some(TAG)))?;
    let answer = generator.expect(deletion(&digest))?;
    assert_eq!(answer, "nothing to remove for shop/web:1.4: the tag exists");
    assert!(asked(&generator).is_empty());

    scenario.registry.delete_manifest(REPOSITORY, &digest)?;
    generator.fake.images(|images| images.create(REPOSITORY));
    let listed = ["DescribeImages", "DescribeImages"];
    let mut want = Vec::new();
    for _ in 0..2 {
        let error = generator.expect_error(deletion(&digest), "RemovalFailed")?;
        assert!(error.starts_with("cannot delete \"1.4-soci\": "), "{error}");
        assert!(error.contains("AccessDenied"), "{error}");
        want.extend(listed);
        want.push("BatchDeleteImage");
    }
    assert_eq!(asked(&generator), want);

    // Whoever cannot tell what is archived does not even try.
    generator.fake.images(|images| images.deny(REPOSITORY));
    let error = generator.expect_error(deletion(&digest), "RemovalFailed")?;
    assert!(error.contains("AccessDenied"), "{error}");
    want.push("DescribeImages");
    assert_eq!(asked(&generator), want);
    // Only the push was reported.
    assert_eq!(generator.fake.entries().len(), 1);
    assert_eq!(scenario.tags()?, [ENABLED]);
    Ok(())
}

#[test]
fn an_archived_image_keeps_its_index() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator_with(&[DELETE])?;
    generator.expect(event(&digest, Some(TAG)))?;
    // The registry no longer knows it.
    scenario.registry.delete_manifest(REPOSITORY, &digest)?;
    generator.fake.images(|images| {
        images.put(REPOSITORY, &[TAG], &json!({"mediaType": "image"}));
        images.archive(REPOSITORY, TAG);
    });
    let answer = generator.expect(deletion(&digest))?;
    assert_eq!(
        answer,
        "nothing to remove for shop/web:1.4: its image is archived"
    );
    assert_eq!(scenario.tags()?, [ENABLED]);
    Ok(())
}

#[test]
fn what_has_no_mark_stays() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    scenario
        .generator("V2")?
        .expect(event(&digest, Some(TAG)))?;
    scenario.registry.delete_manifest(REPOSITORY, &digest)?;
    let generator = scenario.generator_with(&[DELETE])?;
    let answer = generator.expect(deletion(&digest))?;
    assert_eq!(
        answer,
        "nothing to remove for shop/web:1.4: \"1.4-soci\" is not marked as made by a builder with \
         delete_with_source"
    );
    assert!(asked(&generator).is_empty());
    assert_eq!(scenario.tags()?, [ENABLED]);
    Ok(())
}

/// An earlier attempt may have deleted the index, and failed to make that of the image that came back.
#[test]
fn an_image_that_is_there_without_its_index_is_indexed() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator_with(&[DELETE, BUS])?;
    let answer = generator.expect(deletion(&digest))?;
    assert!(answer.starts_with("indexed sha256:"), "{answer}");
    assert_eq!(generator.fake.entries().len(), 1);
    scenario.expect_enabled(ENABLED, TAG)?;
    assert!(asked(&generator).is_empty());
    Ok(())
}

#[test]
fn a_registry_that_fails_says_nothing_of_what_is_gone() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator_with(&[DELETE])?;
    generator.expect(event(&digest, Some(TAG)))?;
    scenario.registry.delete_manifest(REPOSITORY, &digest)?;
    let path = format!("/manifests/{TAG}");
    // Anything on the way may answer with 404, and is not the registry.
    for status in [403, 404] {
        for method in ["HEAD", "GET"] {
            let rule = Rule::new(method, &path, Fault::Answer(status));
            scenario.proxy.add(rule);
        }
        let error = generator.expect_error(deletion(&digest), "IndexingFailed")?;
        assert!(error.contains(&status.to_string()), "{error}");
        scenario.proxy.heal();
    }
    assert!(asked(&generator).is_empty());
    assert_eq!(scenario.tags()?, [ENABLED]);
    Ok(())
}

#[test]
fn nothing_is_deleted_unless_it_is_asked_for() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    let error = generator.expect_error(deletion(&digest), "InvalidEvent")?;
    assert!(error.contains("got \"DELETE\", want PUSH"), "{error}");
    let generator = scenario.generator_with(&[DELETE, ("soci_index_version", "V1")])?;
    let answer = generator.expect(deletion(&digest))?;
    assert_eq!(
        answer,
        "skipped shop/web:1.4: an index of version V1 is deleted with its image"
    );
    assert_eq!((asked(&generator).len(), generator.fake.tokens()), (0, 0));
    assert_eq!(scenario.tags()?, [TAG]);
    Ok(())
}
