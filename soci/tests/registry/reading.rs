//! Downloads that continue, manifests that are read again, and bodies of any size.

use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::json;
use soci::oci::media_type;
use soci::{Digest, Error, ImageSource};

use crate::fake::{Answer, FakeRegistry};
use crate::{content, download, manifest, refusal};

const SIZE: u32 = 1 << 20;

fn whole() -> Range<u64> {
    0..u64::from(SIZE)
}

#[tokio::test]
async fn a_download_continues_where_it_broke() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("GET", "blobs", 0) => Answer::ok(content(SIZE)).cut(100_000),
        ("GET", "blobs", _) => Answer::range(asked, &content(SIZE)),
        other => panic!("{other:?}"),
    })
    .await;
    let got = download(&fake.image(), &content(SIZE), whole())
        .await
        .expect("a blob");
    assert!(got == content(SIZE));
    let asked = fake.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-1048575")]);
}

#[tokio::test]
async fn a_part_continues_within_its_bounds() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("GET", "blobs", 0) => Answer::range(asked, &content(SIZE)).cut(10),
        ("GET", "blobs", _) => Answer::range(asked, &content(SIZE)),
        other => panic!("{other:?}"),
    })
    .await;
    let got = download(&fake.image(), &content(SIZE), 500..900)
        .await
        .expect("a part");
    assert_eq!(got, content(SIZE)[500..900]);
    let asked = fake.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.header("range")).collect();
    assert_eq!(ranges, [Some("bytes=500-899"), Some("bytes=510-899")]);
}

#[tokio::test]
async fn ranges_may_be_ignored() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("GET", "blobs", 0) => Answer::ok(content(SIZE)).cut(100_000),
        ("GET", "blobs", _) => Answer::ok(content(SIZE)),
        other => panic!("{other:?}"),
    })
    .await;
    let image = fake.image();
    let got = download(&image, &content(SIZE), whole())
        .await
        .expect("a blob");
    assert!(got == content(SIZE));
    assert_eq!(fake.lines().len(), 2);
    let got = download(&image, &content(SIZE), 70_000..200_000)
        .await
        .expect("a part");
    assert!(got == content(SIZE)[70_000..200_000]);
}

#[tokio::test]
async fn a_download_that_always_breaks_is_given_up() {
    let fake = FakeRegistry::new(|asked| Answer::range(asked, &content(SIZE)).cut(1000)).await;
    let error = refusal(download(&fake.image(), &content(SIZE), whole()).await);
    assert!(error.is_temporary() && error.is_unreachable());
    let digest = Digest::of(content(SIZE));
    let start = format!("GET {}/v2/shop/web/blobs/{digest}: ", fake.origin());
    let reason = error.to_string();
    let reason = reason.strip_prefix(&start).expect("what was asked for");
    assert!(reason.contains("end of file"), "{reason}");
    let asked = fake.asked();
    let last = asked.last().and_then(|asked| asked.header("range"));
    assert_eq!((asked.len(), last), (6, Some("bytes=5000-1048575")));
}

#[tokio::test]
async fn other_bytes_than_asked_for_are_refused() {
    let fake = FakeRegistry::new(|asked| match asked.header("range") {
        Some(_) => Answer::new(206)
            .header("Content-Range", "bytes 0-9/1048576")
            .body(content(10)),
        None => Answer::ok(content(10)),
    })
    .await;
    let image = fake.image();
    let error = refusal(download(&image, &content(SIZE), 5..15).await);
    assert!(error.to_string().contains("Content-Range"), "{error}");
    let error = download(&image, &content(SIZE), whole())
        .await
        .expect_err("a short blob");
    assert!(matches!(error, Error::SizeMismatch { got: 10, .. }));
    assert_eq!(fake.lines().len(), 2);
}

#[tokio::test]
async fn manifests_cut_once_are_read_again() {
    let subject = manifest("subject");
    let descriptor = subject.descriptor.clone();
    let fake = FakeRegistry::new(move |asked| {
        let body = match asked.kind() {
            "manifests" => subject.bytes.clone(),
            "tags" => json!({"tags": ["1.4", "1.5"]}).to_string().into(),
            "referrers" => json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [subject.descriptor]})
                .to_string()
                .into(),
            other => panic!("{other}"),
        };
        match asked.before {
            0 => Answer::ok(body).cut(5),
            _ => Answer::ok(body),
        }
    })
    .await;
    let image = fake.image();
    let (manifest, tags, referrers) = tokio::join!(
        image.pull_manifest(descriptor.digest),
        image.tags(),
        image.referrers(descriptor.digest)
    );
    assert_eq!(
        manifest.expect("a manifest").descriptor.digest,
        descriptor.digest
    );
    assert_eq!(tags.expect("tags"), ["1.4", "1.5"]);
    assert_eq!(referrers.expect("referrers"), [descriptor]);
    let mut lines = fake.lines();
    lines.sort();
    let (manifests, referrers, tags) = ("GET manifests", "GET referrers", "GET tags");
    assert_eq!(
        lines,
        [manifests, manifests, referrers, referrers, tags, tags]
    );
}

#[tokio::test]
async fn a_registry_may_ask_for_patience() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("GET", "tags", 0) => Answer::new(429).header("Retry-After", "1"),
        ("GET", "tags", 1) => Answer::new(503).body("<html>busy</html>"),
        ("GET", "tags", _) => Answer::json(&json!({"tags": null})),
        other => panic!("{other:?}"),
    })
    .await;
    let begun = Instant::now();
    assert!(fake.image().tags().await.expect("tags").is_empty());
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(fake.lines().len(), 3);
}

#[tokio::test]
async fn a_final_no_is_taken_for_one() {
    let fake = FakeRegistry::new(|_| Answer::error(400, "PAGINATION_NUMBER_INVALID", "n?")).await;
    let error = refusal(fake.image().tags().await);
    assert!(!error.is_temporary() && !error.is_not_found());
    let words = format!(
        "GET {}/v2/shop/web/tags/list?n=1000: 400 Bad Request, PAGINATION_NUMBER_INVALID: n?",
        fake.origin()
    );
    assert_eq!(error.to_string(), words);
    assert_eq!(fake.lines().len(), 1);
}

#[tokio::test]
async fn what_does_not_exist_is_the_registrys_to_say() {
    let fake = FakeRegistry::new(|asked| match asked.name() {
        "gone" => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        _ => Answer::new(404).body("<html>not found</html>"),
    })
    .await;
    let image = fake.image();
    assert_eq!(image.resolve("gone").await.expect("an answer"), None);
    let error = refusal(image.resolve("other").await);
    assert_eq!(error.status_code(), Some(404));
    assert!(!error.is_not_found() && error.details().is_empty());
}

#[tokio::test]
async fn a_manifest_may_be_described_or_not() {
    let manifest = manifest("described");
    let want = manifest.descriptor.clone();
    let fake = FakeRegistry::new(move |asked| {
        let answer = Answer::ok(manifest.bytes.clone()).header(
            "Content-Type",
            format!("{}; charset=utf-8", media_type::OCI_MANIFEST),
        );
        match asked.name() {
            "described" => {
                let digest = manifest.descriptor.digest.to_string();
                answer.header("Docker-Content-Digest", digest)
            }
            _ => answer,
        }
    })
    .await;
    let image = fake.image();
    for (name, asked) in [
        ("described", vec!["HEAD manifests"]),
        (
            "bare",
            vec!["HEAD manifests", "HEAD manifests", "GET manifests"],
        ),
    ] {
        let found = image.resolve(name).await.expect("an answer");
        assert_eq!(found.as_ref(), Some(&want), "{name}");
        assert_eq!(fake.lines(), asked);
    }
}

#[tokio::test]
async fn another_manifest_than_asked_for_is_refused() {
    let fake = FakeRegistry::new(|_| Answer::ok("{}")).await;
    let want = manifest("wanted").descriptor.digest;
    let error = fake.image().pull_manifest(want).await.expect_err("{}");
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[tokio::test]
async fn endless_manifests_are_refused() {
    let fake = FakeRegistry::new(|_| Answer::new(200).endless()).await;
    let image = fake.image();
    let error = image.pull_manifest("1.4").await.expect_err("too large");
    assert!(
        matches!(
            error,
            Error::TooLarge {
                limit: 8_388_608,
                ..
            }
        ),
        "{error}"
    );
    // What the system's buffers hold was sent too.
    assert!(fake.sent() < 64 << 20, "{}", fake.sent());
}

#[tokio::test]
async fn endless_errors_are_read_in_part() {
    let fake = FakeRegistry::new(|_| Answer::new(403).endless()).await;
    let error = refusal(fake.image().tags().await);
    assert!(error.is_unauthorized() && error.details().is_empty());
    assert!(fake.sent() < 64 << 20, "{}", fake.sent());
}

#[tokio::test]
async fn lists_come_in_pages() {
    let fake = FakeRegistry::new(|asked| {
        let next = "</v2/shop/web/tags/list?n=2&last=b>; rel=\"next\"";
        match asked.query.as_str() {
            "n=1000" => Answer::json(&json!({"tags": ["a", "b"]})).header("Link", next),
            "n=2&last=b" => Answer::json(&json!({"tags": ["c"]})),
            other => panic!("{other}"),
        }
    })
    .await;
    let tags = fake.image().tags().await.expect("tags");
    assert_eq!(tags, ["a", "b", "c"]);
}
