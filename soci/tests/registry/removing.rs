//! Removing from registries that delete in their own ways, or not at all.

use soci::oci::{Digest, ImageIndex, media_type};
use soci::{MAX_TAGS, Manifest, Removal, Removed};

use crate::fake::{Answer, Asked, FakeRegistry};
use crate::{manifest, refusal};

fn unknown() -> Answer {
    Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown")
}

fn served(asked: &Asked, manifest: &Manifest) -> Answer {
    let answer = Answer::new(200)
        .header("Content-Type", manifest.descriptor.media_type.clone())
        .header(
            "Docker-Content-Digest",
            manifest.descriptor.digest.to_string(),
        );
    match asked.method.as_str() {
        "HEAD" => answer.header("Content-Length", manifest.bytes.len().to_string()),
        _ => answer.body(manifest.bytes.clone()),
    }
}

#[tokio::test]
async fn a_404_without_a_reason_is_not_gone() {
    let ours = manifest("ours");
    let digest = ours.descriptor.digest;
    let fake = FakeRegistry::new(move |asked| match asked.method.as_str() {
        "DELETE" => Answer::new(404).body("<h1>Not found</h1>"),
        _ => served(asked, &ours),
    })
    .await;
    let error = refusal(fake.image().delete_manifest(digest).await);
    assert_eq!(error.status_code(), Some(404));
    assert_eq!(fake.lines(), ["DELETE manifests", "HEAD manifests"]);

    let fake = FakeRegistry::new(|asked| match asked.method.as_str() {
        "DELETE" => Answer::new(404),
        _ => unknown(),
    })
    .await;
    assert!(!fake.image().delete_manifest(digest).await.expect("gone"));
}

#[tokio::test]
async fn a_tag_that_cannot_be_deleted_stays_with_what_it_names() {
    let ours = manifest("ours");
    let digest = ours.descriptor.digest;
    for status in [400, 405, 501] {
        let ours = ours.clone();
        let fake = FakeRegistry::new(move |asked| match asked.method.as_str() {
            "DELETE" => Answer::error(status, "UNSUPPORTED", "the operation is unsupported"),
            _ => served(asked, &ours),
        })
        .await;
        let is_gone = fake.image().untag("1.4-soci", digest).await.expect("asked");
        assert!(!is_gone, "{status}");
        let asked = fake.lines();
        assert!(
            !asked.iter().any(|line| line.starts_with("PUT")),
            "{asked:?}"
        );
    }
}

/// Amazon ECR does this with the last tag of an image.
#[tokio::test]
async fn what_goes_with_its_last_tag_is_put_back() {
    let ours = manifest("ours");
    let digest = ours.descriptor.digest;
    let fake = FakeRegistry::new(move |asked| match asked.method.as_str() {
        "DELETE" => Answer::new(202),
        "PUT" => Answer::new(201),
        // The first of each is before the deletion.
        "GET" if asked.name() == digest.to_string() && asked.before == 0 => served(asked, &ours),
        "HEAD" if asked.name() == "1.4-soci" && asked.before < 2 => served(asked, &ours),
        _ => unknown(),
    })
    .await;
    let is_gone = fake.image().untag("1.4-soci", digest).await.expect("asked");
    assert!(is_gone);
    let asked = fake.asked();
    let put = asked.last().expect("a request");
    assert_eq!(
        (put.method.as_str(), put.name()),
        ("PUT", &*digest.to_string())
    );
    assert_eq!(put.body, manifest("ours").bytes);
}

/// Docker's registry lists as many tags as it is asked for.
fn tags(count: usize) -> Answer {
    let tags: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
    Answer::json(&serde_json::json!({"name": "shop/web", "tags": tags}))
}

#[tokio::test]
async fn of_many_tags_each_is_looked_up_once() {
    let (root, image) = (ImageIndex::of(Vec::new()), manifest("image"));
    let root = Manifest::of(media_type::OCI_INDEX, &root).expect("an index");
    let digest = root.descriptor.digest;
    let fake = FakeRegistry::new(move |asked| match asked.key() {
        ("GET", "tags", _) => tags(100),
        ("DELETE", ..) => Answer::new(202),
        (_, "manifests", _) if asked.name().starts_with('t') => served(asked, &image),
        ("GET", _, 0) => served(asked, &root),
        _ => unknown(),
    })
    .await;
    let removed = fake.image().remove_converted(&Removal::of(digest)).await;
    assert_eq!(removed.expect("removed"), Removed::Deleted);
    let asked = fake.lines();
    let heads = asked.iter().filter(|line| *line == "HEAD manifests");
    assert_eq!(
        heads.count(),
        101,
        "the tags, and the root after its deletion"
    );
    assert!(asked.len() < 106, "{asked:?}");
}

#[tokio::test]
async fn of_too_many_tags_none_is_looked_up() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("GET", "tags", _) => tags(MAX_TAGS + 1),
        other => panic!("{other:?}"),
    })
    .await;
    let image = fake.image();
    let digest = Digest::of("root");
    let removed = image.remove_converted(&Removal::of(digest)).await;
    assert_eq!(removed.expect("asked"), Removed::NotLookedUp);
    let tagged = image.all_tagged().await.expect("asked");
    let removed = image.remove_index(digest, digest, tagged.as_ref()).await;
    assert_eq!(removed.expect("asked"), Removed::NotLookedUp);
    assert_eq!(fake.lines(), ["GET tags", "GET tags"]);
}
