//! Referrers that the registry lists, and referrers that it leaves to its clients to list.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use serde_json::{Value, json};
use soci::oci::media_type;
use soci::{Destination, Digest, ImageSource};

use crate::double::{Answer, Asked, Double};
use crate::{manifest, refusal};

fn unknown() -> Answer {
    Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown")
}

/// The repository of a registry without the API: manifests under digests and tags.
fn keeping() -> impl Fn(&Asked) -> Answer {
    let kept = Mutex::new(BTreeMap::<String, Bytes>::new());
    move |asked| {
        let mut kept = kept.lock().expect("no panic");
        let name = asked.name().to_owned();
        match (asked.method.as_str(), asked.kind()) {
            ("PUT", "manifests") => {
                kept.insert(name, asked.body.clone());
                Answer::new(201)
            }
            ("GET" | "HEAD", "manifests") => kept.get(&name).map_or_else(unknown, |bytes| {
                let digest = Digest::of(bytes).to_string();
                Answer::ok(bytes.clone()).header("Docker-Content-Digest", digest)
            }),
            ("DELETE", "manifests") => Answer::error(405, "UNSUPPORTED", "unsupported"),
            _ => Answer::new(404).body("404 page not found"),
        }
    }
}

/// An image index, as registries serve it.
fn list(index: &Value) -> Answer {
    Answer::json(index).header("Content-Type", media_type::OCI_INDEX)
}

/// Manifests that were stored, by name.
fn stored(double: &Double) -> Vec<String> {
    let asked = double.asked();
    let put = asked.iter().filter(|asked| asked.method == "PUT");
    put.map(|asked| asked.name().to_owned()).collect()
}

#[tokio::test]
async fn a_registry_lists_them_in_pages() {
    let subject = manifest("subject").descriptor.digest;
    let (one, two) = (manifest("one").descriptor, manifest("two").descriptor);
    let pages = [
        json!({"schemaVersion": 2, "manifests": [one]}),
        json!({"schemaVersion": 2, "manifests": [two]}),
    ];
    let double = Double::new(move |asked| match (asked.kind(), asked.query.as_str()) {
        ("referrers", "") => {
            let next = format!("<{}?last=one>; rel=\"next\"", asked.path);
            list(&pages[0]).header("Link", next)
        }
        ("referrers", "last=one") => list(&pages[1]),
        other => panic!("{other:?}"),
    })
    .await;
    let referrers = double.image().referrers(subject).await;
    assert_eq!(referrers.expect("referrers"), [one, two]);
    assert_eq!(double.lines(), ["GET referrers", "GET referrers"]);
}

#[tokio::test]
async fn a_list_that_breaks_off_is_no_list() {
    let subject = manifest("subject").descriptor.digest;
    let double = Double::new(|asked| match asked.query.as_str() {
        "" => {
            let next = format!("<{}?last=one>; rel=\"next\"", asked.path);
            list(&json!({"schemaVersion": 2, "manifests": []})).header("Link", next)
        }
        _ => Answer::new(404),
    })
    .await;
    let error = refusal(double.image().referrers(subject).await);
    assert_eq!(error.status_code(), Some(404));
}

#[tokio::test]
async fn without_the_api_there_is_a_tag() {
    let subject = manifest("subject").descriptor.digest;
    let (listed, tag) = (
        manifest("one").descriptor,
        format!("sha256-{}", subject.hex()),
    );
    let index = json!({"schemaVersion": 2, "manifests": [listed]});
    let double = Double::new(move |asked| match asked.kind() {
        "manifests" if asked.name() == tag => list(&index),
        "manifests" => unknown(),
        _ => Answer::new(404).body("404 page not found"),
    })
    .await;
    let image = double.image();
    let referrers = image.referrers(subject).await;
    assert_eq!(referrers.expect("referrers"), [listed]);
    assert_eq!(double.lines(), ["GET referrers", "GET manifests"]);
    let none = image.referrers(manifest("other").descriptor.digest).await;
    assert_eq!(none.expect("referrers"), []);
}

#[tokio::test]
async fn a_registry_may_keep_the_list() {
    let (subject, referrer) = (manifest("subject"), manifest("referrer"));
    let digest = subject.descriptor.digest.to_string();
    let keeping = keeping();
    let double = Double::new(move |asked| match asked.method.as_str() {
        "PUT" => keeping(asked).header("OCI-Subject", digest.clone()),
        _ => keeping(asked),
    })
    .await;
    let pushed = double
        .image()
        .push_referrer(&referrer, &subject.descriptor)
        .await;
    pushed.expect("stored");
    assert_eq!(stored(&double), [referrer.descriptor.digest.to_string()]);
}

#[tokio::test]
async fn a_registry_may_leave_the_list_to_its_clients() {
    let (subject, referrer, other) = (manifest("subject"), manifest("one"), manifest("two"));
    let double = Double::new(keeping()).await;
    let image = double.image();
    let tag = format!("sha256-{}", subject.descriptor.digest.hex());
    for manifest in [&referrer, &other, &referrer] {
        let pushed = image.push_referrer(manifest, &subject.descriptor).await;
        pushed.expect("stored");
    }
    // Each with the list after it; the third is there already.
    let digests = [&referrer, &other].map(|manifest| manifest.descriptor.digest.to_string());
    let [one, two] = digests.clone();
    assert_eq!(stored(&double), [one, tag.clone(), two, tag]);
    let asked = double.asked();
    let list = asked.iter().rfind(|asked| asked.method == "PUT");
    let list = list.expect("a list");
    let list: Value = serde_json::from_slice(&list.body).expect("JSON");
    let listed = list["manifests"].as_array().expect("a list").iter();
    let listed: Vec<_> = listed.map(|listed| listed["digest"].as_str()).collect();
    assert_eq!(
        listed,
        digests.each_ref().map(|digest| Some(digest.as_str()))
    );
}
