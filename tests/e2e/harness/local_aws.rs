//! The local AWS behaves as the tests of the builder expect.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, LocalAws, REGION, Service};
use tests::image::{Layout, MediaTypes};
use tests::interrupt::Interrupt;
use tests::{http, skopeo, wait};

use crate::scenario::{INDEX_TYPE, MANIFEST_TYPE, REPOSITORY, TAG, image, list, text};

/// Creates a queue that receives every event of Amazon ECR.
fn queue_of_events(aws: &LocalAws) -> Result<String> {
    let queue = aws.call(
        Service::Queues,
        "CreateQueue",
        &json!({"QueueName": "events"}),
    )?;
    let pattern = json!({"source": ["aws.ecr"]}).to_string();
    let rule = json!({"Name": "all", "EventPattern": pattern});
    aws.call(Service::Events, "PutRule", &rule)?;
    let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:events");
    let targets = json!({"Rule": "all", "Targets": [{"Id": "queue", "Arn": arn}]});
    aws.call(Service::Events, "PutTargets", &targets)?;
    Ok(text(&queue["QueueUrl"])?.to_owned())
}

/// Waits for `count` events.
fn receive(aws: &LocalAws, queue: &str, count: usize) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    wait::until("the events", wait::SOON, || {
        let body = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10});
        let answer = aws.call(Service::Queues, "ReceiveMessage", &body)?;
        for message in answer["Messages"].as_array().into_iter().flatten() {
            events.push(serde_json::from_str(text(&message["Body"])?)?);
        }
        Ok((events.len() >= count).then_some(()))
    })?;
    assert_eq!(events.len(), count, "{events:#?}");
    Ok(events)
}

#[test]
fn a_push_sends_an_event_for_every_manifest() -> Result<()> {
    let aws = LocalAws::start()?;
    aws.create_repository(REPOSITORY)?;
    let queue = queue_of_events(&aws)?;
    let directory = tempfile::tempdir()?;
    let layout = Layout::create(directory.path())?;
    let manifests = [image(&layout, "amd64", 1)?, image(&layout, "arm64", 2)?];
    let index = layout.index(MediaTypes::Oci, &manifests)?;
    layout.publish(&index)?;
    let name = format!("{REPOSITORY}:{TAG}");
    skopeo::push_to_aws(directory.path(), &aws, &name, &Interrupt::default())?;

    let mut events = receive(&aws, &queue, 3)?;
    let last = events.pop().context("three events")?;
    assert_eq!(last["source"], "aws.ecr");
    assert_eq!(last["detail-type"], "ECR Image Action");
    assert_eq!(
        (&last["account"], &last["region"]),
        (&json!(ACCOUNT), &json!(REGION))
    );
    let detail = json!({
        "result": "SUCCESS",
        "action-type": "PUSH",
        "repository-name": REPOSITORY,
        "image-digest": index["digest"],
        "image-tag": TAG,
        "manifest-media-type": INDEX_TYPE,
    });
    assert_eq!(last["detail"], detail);
    for event in &events {
        assert_eq!(event["detail"]["image-tag"], "");
        assert_eq!(event["detail"]["manifest-media-type"], MANIFEST_TYPE);
        let artifact = "application/vnd.oci.image.config.v1+json";
        assert_eq!(event["detail"]["artifact-media-type"], artifact);
    }
    let pushes = aws.pushes()?;
    assert_eq!(pushes.len(), 3);
    assert_eq!((&*pushes[2].repository, &*pushes[2].tag), (REPOSITORY, TAG));
    assert!(pushes.iter().all(|push| push.reached.is_empty()));
    assert_eq!(aws.tags(REPOSITORY)?, [TAG]);
    assert_eq!(aws.digests(REPOSITORY)?.len(), 3);

    let manifest = format!(
        "/v2/{REPOSITORY}/manifests/{}",
        text(&manifests[0]["digest"])?
    );
    let manifest = http::request(aws.address(), "GET", &manifest, &[], b"")?;
    let manifest: Value = serde_json::from_slice(&manifest.body)?;
    let layer = &list(&manifest, "layers")?[1];
    let path = format!("/v2/{REPOSITORY}/blobs/{}", text(&layer["digest"])?);
    let whole = http::request(aws.address(), "GET", &path, &[], b"")?.body;
    let range = [("Range", "bytes=100-199")];
    let part = http::request(aws.address(), "GET", &path, &range, b"")?;
    assert_eq!((part.status, &part.body[..]), (206, &whole[100..200]));
    Ok(())
}

#[test]
fn starts_empty_and_ends_with_its_parent() -> Result<()> {
    let aws = LocalAws::start()?;
    assert!(aws.account()?.is_empty(), "{:#?}", aws.account()?);
    let address = aws.address();
    drop(aws);
    assert!(http::request(address, "GET", "/v2/", &[], b"").is_err());
    Ok(())
}
