//! `delete_with_source`: the index of an image goes with the image's tag, and nothing else does.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, REGION, Service};
use tests::fake::lambda::push_event;
use tests::fake::proxy::{Fault, Rule};
use tests::image::sha256;
use tests::{http, wait};

use super::sweep::{policy_of, sweep};
use super::{ARGUMENTS, BUILDER, GENERATOR, LIMIT, NAME, Scenario};
use crate::scenario::{ENABLED, MANIFEST_TYPE, REPOSITORY, TAG, image, text};

fn arguments() -> String {
    format!("{ARGUMENTS}\n  delete_with_source = true")
}

/// Deletes a tag as a person or a lifecycle policy does.
fn delete(scenario: &Scenario, tag: &str) -> Result<()> {
    let body = json!({"repositoryName": REPOSITORY, "imageIds": [{"imageTag": tag}]});
    let answer = scenario.aws.call(Service::Ecr, "BatchDeleteImage", &body)?;
    assert_eq!(answer["failures"], json!([]), "{answer}");
    Ok(())
}

/// Pushes an image and waits for its index.
fn push_indexed(scenario: &Scenario, tag: &str, architecture: &str, seed: u64) -> Result<()> {
    scenario.push(REPOSITORY, tag, |layout| image(layout, architecture, seed))?;
    scenario.wait_for_enabled(REPOSITORY, &format!("{tag}-soci"))?;
    Ok(())
}

/// Waits until the repository has these tags and as many manifests.
fn wait_for(scenario: &Scenario, tags: &[&str], manifests: usize) -> Result<()> {
    wait::until(&format!("{tags:?}"), LIMIT, || {
        let there = scenario.aws.tags(REPOSITORY)?;
        let digests = scenario.aws.digests(REPOSITORY)?;
        Ok((there == tags && digests.len() == manifests).then_some(()))
    })
    .with_context(|| scenario.logs())
}

/// Sends the event of a deletion to the index generator, and returns its answer.
fn send_deletion(scenario: &Scenario, tag: &str) -> Result<Value> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let mut event = push_event(REPOSITORY, &digest, Some(tag));
    event["account"] = json!(ACCOUNT);
    event["region"] = json!(REGION);
    event["detail"]["action-type"] = json!("DELETE");
    scenario.aws.invoke(GENERATOR, &event)
}

#[test]
fn an_index_goes_with_its_image() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    push_indexed(&scenario, TAG, "amd64", 1)?;
    // By default nothing goes, and nothing could.
    assert!(!policy_of(&scenario, GENERATOR)?.contains("BatchDeleteImage"));
    let refused = send_deletion(&scenario, TAG)?;
    assert_eq!(refused["errorType"], "InvalidEvent", "{refused}");

    scenario.configure(&arguments())?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    assert!(policy_of(&scenario, GENERATOR)?.contains("BatchDeleteImage"));
    let answer = send_deletion(&scenario, TAG)?;
    assert_eq!(answer, "nothing to remove for shop/web:1.4: the tag exists");
    push_indexed(&scenario, "1.5", "amd64", 2)?;
    delete(&scenario, "1.5")?;
    wait_for(&scenario, &[TAG, ENABLED], 4)?;
    let want = "removed \"1.5-soci\", since \"1.5\" is gone, with 2 of the 2 manifests";
    scenario.wait_for_message(GENERATOR, &[want])?;

    // Nothing says who made what was there before.
    delete(&scenario, TAG)?;
    let want = "\"1.4-soci\" is not marked as made by a builder with delete_with_source";
    scenario.wait_for_message(GENERATOR, &["nothing to remove for shop/web:1.4", want])?;
    assert_eq!(scenario.aws.tags(REPOSITORY)?, [ENABLED]);
    scenario.expect_nothing_after_destroy()
}

#[test]
fn what_another_tag_needs_stays() -> Result<()> {
    let scenario = Scenario::applied(&arguments())?;
    // One image under two tags, and another one of the same layers, which has the same SOCI index.
    push_indexed(&scenario, TAG, "amd64", 1)?;
    push_indexed(&scenario, "1.5", "amd64", 1)?;
    push_indexed(&scenario, "2.0", "arm64", 1)?;
    let all = scenario.aws.digests(REPOSITORY)?.len();
    delete(&scenario, TAG)?;
    // The mark of the tag goes.
    wait_for(&scenario, &["1.5", "1.5-soci", "2.0", "2.0-soci"], all - 1)?;

    // The image, the image index with its mark, and the image manifest go, the SOCI index does not.
    delete(&scenario, "1.5")?;
    wait_for(&scenario, &["2.0", "2.0-soci"], all - 5)?;
    let (images, indexes) = scenario.wait_for_enabled(REPOSITORY, "2.0-soci")?;
    for listed in images.iter().chain(&indexes) {
        let there = scenario.manifest(REPOSITORY, text(&listed["digest"])?)?;
        assert!(there.is_some(), "{listed}");
    }
    delete(&scenario, "2.0")?;
    wait_for(&scenario, &[], 0)
}

#[test]
fn what_is_not_the_builders_stays() -> Result<()> {
    let scenario = Scenario::applied(&arguments())?;
    scenario.push(REPOSITORY, "mine-soci", |layout| image(layout, "amd64", 1))?;
    let answer = send_deletion(&scenario, "mine")?;
    let want = "nothing to remove for shop/web:mine: \"mine-soci\" is not a SOCI-enabled image";
    assert_eq!(answer, want);
    assert_eq!(
        sweep(&scenario)?,
        "swept: 0 looked at, 0 indexed already, 0 handed on, 0 failed"
    );
    assert_eq!(scenario.aws.tags(REPOSITORY)?, ["mine-soci"]);

    // A resource of Terraform claims this one.
    push_indexed(&scenario, TAG, "amd64", 2)?;
    let enabled = scenario
        .manifest(REPOSITORY, ENABLED)?
        .context("no image")?;
    let claim = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": "application/vnd.terraform-provider-soci.claim.v1+json",
            "digest": sha256(b"{}")?, "size": 2},
        "layers": [],
        "subject": {"mediaType": enabled.media_type, "digest": enabled.digest,
            "size": enabled.body.len()},
    });
    let claim = claim.to_string();
    let path = format!("/v2/{REPOSITORY}/manifests/{}", sha256(claim.as_bytes())?);
    let kind = [("Content-Type", MANIFEST_TYPE)];
    let put = http::request(
        scenario.aws.address(),
        "PUT",
        &path,
        &kind,
        claim.as_bytes(),
    )?;
    assert_eq!(put.status, 201);
    delete(&scenario, TAG)?;
    let want = "a Terraform resource uses \"1.4-soci\"";
    scenario.wait_for_message(GENERATOR, &["nothing to remove for shop/web:1.4", want])?;
    assert_eq!(scenario.aws.tags(REPOSITORY)?, [ENABLED, "mine-soci"]);

    // Another image index lists this one.
    push_indexed(&scenario, "1.6", "amd64", 3)?;
    let enabled = scenario
        .manifest(REPOSITORY, "1.6-soci")?
        .context("no image")?;
    let collection = json!({
        "schemaVersion": 2,
        "mediaType": enabled.media_type,
        "manifests": [{"mediaType": enabled.media_type, "digest": enabled.digest,
            "size": enabled.body.len()}],
    });
    // It has no tag, so that it is not indexed itself.
    let body = collection.to_string();
    let path = format!("/v2/{REPOSITORY}/manifests/{}", sha256(body.as_bytes())?);
    let kind = [("Content-Type", &*enabled.media_type)];
    let put = http::request(scenario.aws.address(), "PUT", &path, &kind, body.as_bytes())?;
    assert_eq!(put.status, 201);
    delete(&scenario, "1.6")?;
    let want = "another image index lists \"1.6-soci\"";
    scenario.wait_for_message(GENERATOR, &["nothing to remove for shop/web:1.6", want])?;
    assert!(scenario.manifest(REPOSITORY, "1.6-soci")?.is_some());
    Ok(())
}

#[test]
fn a_lost_deletion_is_healed() -> Result<()> {
    let scenario = Scenario::applied(&arguments())?;
    push_indexed(&scenario, TAG, "amd64", 1)?;
    push_indexed(&scenario, "1.5", "amd64", 2)?;
    let rule = json!({"Name": NAME});
    scenario.aws.call(Service::Events, "DisableRule", &rule)?;
    delete(&scenario, TAG)?;
    scenario.aws.call(Service::Events, "EnableRule", &rule)?;
    assert_eq!(scenario.aws.tags(REPOSITORY)?, [ENABLED, "1.5", "1.5-soci"]);
    let found = sweep(&scenario)?;
    let want = "swept: 1 looked at, 1 indexed already, 0 handed on, 0 failed, 1 to be removed";
    assert_eq!(found, want);
    wait_for(&scenario, &["1.5", "1.5-soci"], 5)
}

/// The image is pushed again when its index is about to be deleted: the push finds the index, and the
/// deletion finds the image afterwards.
#[test]
fn an_image_that_comes_back_gets_its_index_back() -> Result<()> {
    let scenario = Scenario::applied(&arguments())?;
    // The functions reach Amazon ECR through the proxy from now on.
    let path = format!("/2015-03-31/functions/{GENERATOR}/configuration");
    let configuration = scenario.aws.function(GENERATOR)?.context("no function")?;
    let mut variables = configuration["Environment"]["Variables"].clone();
    variables["ECR_ENDPOINT"] = format!("http://{}", scenario.proxy.address()).into();
    let change = json!({"Environment": {"Variables": variables}});
    let changed = scenario.aws.lambda("PUT", &path, &change)?;
    changed.context("no function")?;
    push_indexed(&scenario, TAG, "amd64", 1)?;

    scenario
        .proxy
        .add(Rule::action("BatchDeleteImage", Fault::HoldRequest));
    delete(&scenario, TAG)?;
    wait::until("a deletion that is held", LIMIT, || {
        Ok(scenario.proxy.is_holding().then_some(()))
    })
    .with_context(|| scenario.logs())?;
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.wait_for_message(GENERATOR, &["skipped shop/web:1.4: it is indexed already"])?;
    scenario.proxy.heal();
    scenario.wait_for_message(GENERATOR, &["the tag is there again"])?;
    scenario.wait_for_messages(GENERATOR, &["indexed sha256:"], 2)?;
    let (images, indexes) = scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    assert_eq!((images.len(), indexes.len()), (1, 1));
    Ok(())
}
