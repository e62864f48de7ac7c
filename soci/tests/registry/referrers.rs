//! Referrers that the registry lists, and referrers that it leaves to its clients to list.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};
use soci::oci::media_type;
use soci::{Destination, Digest, ImageSource};

use crate::fake::{Answer, Asked, FakeRegistry};
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
fn stored(fake: &FakeRegistry) -> Vec<String> {
    let asked = fake.asked();
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
    let fake = FakeRegistry::new(move |asked| match (asked.kind(), asked.query.as_str()) {
        ("referrers", "") => {
            let next = format!("<{}?last=one>; rel=\"next\"", asked.path);
            list(&pages[0]).header("Link", next)
        }
        ("referrers", "last=one") => list(&pages[1]),
        other => panic!("{other:?}"),
    })
    .await;
    let referrers = fake.image().referrers(subject).await;
    assert_eq!(referrers.expect("referrers"), [one, two]);
    assert_eq!(fake.lines(), ["GET referrers", "GET referrers"]);
}

#[tokio::test]
async fn a_list_that_breaks_off_is_no_list() {
    let subject = manifest("subject").descriptor.digest;
    let fake = FakeRegistry::new(|asked| match asked.query.as_str() {
        "" => {
            let next = format!("<{}?last=one>; rel=\"next\"", asked.path);
            list(&json!({"schemaVersion": 2, "manifests": []})).header("Link", next)
        }
        _ => Answer::new(404),
    })
    .await;
    let error = refusal(fake.image().referrers(subject).await);
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
    let fake = FakeRegistry::new(move |asked| match asked.kind() {
        "manifests" if asked.name() == tag => list(&index),
        "manifests" => unknown(),
        _ => Answer::new(404).body("404 page not found"),
    })
    .await;
    let image = fake.image();
    let referrers = image.referrers(subject).await;
    assert_eq!(referrers.expect("referrers"), [listed]);
    assert_eq!(fake.lines(), ["GET referrers", "GET manifests"]);
    let none = image.referrers(manifest("other").descriptor.digest).await;
    assert_eq!(none.expect("referrers"), []);
}

#[tokio::test]
async fn a_registry_may_keep_the_list() {
    let (subject, referrer) = (manifest("subject"), manifest("referrer"));
    let digest = subject.descriptor.digest.to_string();
    let keeping = keeping();
    let fake = FakeRegistry::new(move |asked| match asked.method.as_str() {
        "PUT" => keeping(asked).header("OCI-Subject", digest.clone()),
        _ => keeping(asked),
    })
    .await;
    let pushed = fake
        .image()
        .push_referrer(&referrer, &subject.descriptor)
        .await;
    pushed.expect("stored");
    assert_eq!(stored(&fake), [referrer.descriptor.digest.to_string()]);
}

#[tokio::test]
async fn a_registry_may_leave_the_list_to_its_clients() {
    let (subject, referrer, other) = (manifest("subject"), manifest("one"), manifest("two"));
    let fake = FakeRegistry::new(keeping()).await;
    let image = fake.image();
    let tag = format!("sha256-{}", subject.descriptor.digest.hex());
    for manifest in [&referrer, &other, &referrer] {
        let pushed = image.push_referrer(manifest, &subject.descriptor).await;
        pushed.expect("stored");
    }
    // Each with the list after it; the third is there already.
    let digests = [&referrer, &other].map(|manifest| manifest.descriptor.digest.to_string());
    let [one, two] = digests.clone();
    assert_eq!(stored(&fake), [one, tag.clone(), two, tag]);
    let asked = fake.asked();
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

/// Answers of registries without the API when it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Status(u16),
    /// Plain HTTP errors in the protocol's own words.
    Unsupported,
    Page,
    /// Leads to a page for people.
    Redirect,
    /// A list that is always empty.
    Empty,
    NullList,
    /// An index of another type.
    ManifestList,
    /// JSON that is no index, as an index.
    NoIndex,
}

const KINDS: [Kind; 17] = [
    Kind::Status(400),
    Kind::Status(401),
    Kind::Status(403),
    Kind::Status(404),
    Kind::Status(405),
    Kind::Status(406),
    Kind::Status(410),
    Kind::Status(415),
    Kind::Status(429),
    Kind::Status(501),
    Kind::Unsupported,
    Kind::Page,
    Kind::Redirect,
    Kind::Empty,
    Kind::NullList,
    Kind::ManifestList,
    Kind::NoIndex,
];

impl Kind {
    fn answer(self) -> Answer {
        match self {
            Self::Status(status) => Answer::new(status).header("Retry-After", "0"),
            Self::Unsupported => Answer::error(400, "UNSUPPORTED", "unsupported"),
            Self::Page => Answer::ok("<html>").header("Content-Type", "text/html"),
            Self::Redirect => Answer::new(303).header("Location", "http://127.0.0.1:9/login"),
            Self::Empty => list(&json!({"schemaVersion": 2, "manifests": []})),
            Self::NullList => list(&json!({"schemaVersion": 2, "manifests": null})),
            Self::ManifestList => {
                let listed = [manifest("not a referrer").descriptor];
                Answer::json(&json!({"schemaVersion": 2, "manifests": listed}))
                    .header("Content-Type", media_type::DOCKER_LIST)
            }
            Self::NoIndex => list(&json!({"errors": []})),
        }
    }
}

#[tokio::test]
async fn without_the_api_nothing_is_lost() {
    // Some have the client wait.
    join_all(KINDS.map(nothing_is_lost)).await;
}

async fn nothing_is_lost(kind: Kind) {
    let (subject, one, two) = (manifest("subject"), manifest("one"), manifest("two"));
    let keeping = keeping();
    let fake = FakeRegistry::new(move |asked| match asked.kind() {
        "referrers" => kind.answer(),
        _ => keeping(asked),
    })
    .await;
    let image = fake.image();
    let what = format!("{kind:?}");
    let digest = subject.descriptor.digest;
    assert_eq!(image.referrers(digest).await.expect(&what), [], "{what}");
    for referrer in [&one, &two] {
        let pushed = image.push_referrer(referrer, &subject.descriptor).await;
        pushed.expect(&what);
    }
    let listed = [one.descriptor.clone(), two.descriptor.clone()];
    assert_eq!(
        image.referrers(digest).await.expect(&what),
        listed,
        "{what}"
    );
    let tag = format!("sha256-{}", digest.hex());
    assert!(stored(&fake).contains(&tag), "{what}");
    image
        .remove_referrer(one.descriptor.digest, digest)
        .await
        .expect(&what);
    assert_eq!(
        image.referrers(digest).await.expect(&what),
        listed[1..],
        "{what}"
    );
}

#[tokio::test]
async fn a_registry_that_fails_has_not_said_that_there_are_none() {
    let keeping = keeping();
    let fake = FakeRegistry::new(move |asked| match asked.kind() {
        "referrers" => Answer::new(503).header("Retry-After", "0"),
        _ => keeping(asked),
    })
    .await;
    let error = refusal(
        fake.image()
            .referrers(manifest("subject").descriptor.digest)
            .await,
    );
    assert!(error.is_temporary(), "{error}");
}

/// A registry that says nothing, but lists the artifact.
#[tokio::test]
async fn a_list_shows_what_the_answer_leaves_out() {
    let (subject, referrer) = (manifest("subject"), manifest("referrer"));
    let (keeping, descriptor) = (keeping(), referrer.descriptor.clone());
    let fake = FakeRegistry::new(move |asked| match asked.kind() {
        "referrers" if asked.before == 0 => list(&json!({"schemaVersion": 2, "manifests": []})),
        "referrers" => list(&json!({"schemaVersion": 2, "manifests": [descriptor]})),
        _ => keeping(asked),
    })
    .await;
    let image = fake.image();
    let pushed = image.push_referrer(&referrer, &subject.descriptor).await;
    pushed.expect("stored");
    assert_eq!(stored(&fake), [referrer.descriptor.digest.to_string()]);
}

/// Some registries take the tag for the digest that it resembles.
#[tokio::test]
async fn a_tag_that_is_the_subject_is_no_list() {
    for (listed_tag, takes_tags) in [(false, true), (false, false), (true, true)] {
        let (subject, referrer) = (manifest("subject"), manifest("referrer"));
        let tag = format!("sha256-{}", subject.descriptor.digest.hex());
        let (keeping, bytes, name) = (keeping(), subject.bytes.clone(), tag.clone());
        let fake = FakeRegistry::new(move |asked| {
            if asked.kind() == "tags" {
                let tags = if listed_tag { vec![&name] } else { Vec::new() };
                return Answer::json(&json!({"tags": tags}));
            }
            if asked.kind() != "manifests" || asked.name() != name {
                return keeping(asked);
            }
            let kept = keeping(asked);
            let is_kept = takes_tags && asked.method != "PUT" && kept.status() == 200;
            match asked.method.as_str() {
                _ if is_kept => kept,
                "PUT" => kept,
                _ => Answer::ok(bytes.clone())
                    .header("Content-Type", media_type::OCI_MANIFEST)
                    .header("Docker-Content-Digest", Digest::of(&bytes).to_string()),
            }
        })
        .await;
        let image = fake.image();
        let referrers = image.referrers(subject.descriptor.digest).await;
        assert_eq!(referrers.expect("no list is no error"), []);
        let pushed = image.push_referrer(&referrer, &subject.descriptor).await;
        if !listed_tag && takes_tags {
            pushed.expect("stored");
            let listed = image.referrers(subject.descriptor.digest).await;
            assert_eq!(listed.expect("a list"), [referrer.descriptor]);
            continue;
        }
        // Not lost in silence, and nothing of others is overwritten.
        let error = pushed.expect_err("no list").to_string();
        assert!(error.contains("V2, which needs none"), "{error}");
        let puts = stored(&fake);
        assert_eq!(puts.contains(&tag), !listed_tag, "{puts:?}");
    }
}

/// Answers the name of the list with something of another type.
#[tokio::test]
async fn a_tag_that_is_no_index_is_no_list() {
    let subject = manifest("subject").descriptor.digest;
    for (media_type, body) in [
        (media_type::OCI_MANIFEST, manifest("an image").bytes),
        (
            media_type::DOCKER_LIST,
            json!({"manifests": []}).to_string().into(),
        ),
        (media_type::OCI_INDEX, Bytes::from_static(b"<html>")),
    ] {
        let fake = FakeRegistry::new(move |asked| match asked.kind() {
            "manifests" => Answer::ok(body.clone()).header("Content-Type", media_type),
            _ => Answer::new(404).body("404 page not found"),
        })
        .await;
        let referrers = fake.image().referrers(subject).await;
        assert_eq!(referrers.expect("no list is no error"), [], "{media_type}");
    }
}
