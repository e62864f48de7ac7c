//! Tokens and signed URLs that expire in the middle of a layer.

use serde_json::json;
use soci::{Destination, Digest};

use crate::fake::{Answer, Asked, FakeRegistry};
use crate::{content, download, refusal};

/// `user:secret`.
const BASIC: &str = "Basic dXNlcjpzZWNyZXQ=";
const SIZE: u32 = 1 << 20;
/// Bytes of a layer until the connection breaks.
const PART: usize = 100_000;

/// Wants a token of this registry's own token server.
fn challenge(asked: &Asked) -> Answer {
    let realm = format!("{}/token", asked.origin());
    Answer::error(401, "UNAUTHORIZED", "authentication required")
        .header("WWW-Authenticate", format!(r#"Bearer realm="{realm}""#))
}

/// Grants `t0`, `t1` and so on.
fn grant(asked: &Asked) -> Answer {
    Answer::json(&json!({"token": format!("t{}", asked.before)}))
}

#[tokio::test]
async fn a_token_that_expires_within_a_layer_is_renewed() {
    let fake = FakeRegistry::new(|asked| match (asked.key(), asked.header("authorization")) {
        (("GET", "/token", _), Some(BASIC)) => grant(asked),
        (("GET", "blobs", 1), Some("Bearer t0")) => Answer::ok(content(SIZE)).cut(PART),
        // Each token is good for one answer.
        (("GET", "blobs", 3), Some("Bearer t1")) => Answer::range(asked, &content(SIZE)).cut(PART),
        (("GET", "blobs", _), Some("Bearer t2")) => Answer::range(asked, &content(SIZE)),
        (("GET", "blobs", _), _) => challenge(asked),
        other => panic!("{other:?}"),
    })
    .await;
    let got = download(&fake.image_as_user(), &content(SIZE), 0..u64::from(SIZE)).await;
    assert!(got.expect("a layer") == content(SIZE));
    let shown = [
        "-",
        BASIC,
        "Bearer t0",
        "Bearer t0", // expired
        BASIC,
        "Bearer t1",
        "Bearer t1", // expired
        BASIC,
        "Bearer t2",
    ];
    assert_eq!(fake.shown(), shown);
    let asked = fake.asked();
    let ranges = asked.iter().filter_map(|asked| asked.header("range"));
    let (one, two) = ("bytes=100000-1048575", "bytes=200000-1048575");
    assert_eq!(ranges.collect::<Vec<_>>(), [one, one, two, two]);
}

#[tokio::test]
async fn a_token_that_is_not_renewed_ends_the_layer() {
    let fake = FakeRegistry::new(|asked| match (asked.key(), asked.header("authorization")) {
        (("GET", "/token", 0), _) => grant(asked),
        (("GET", "/token", _), _) => Answer::new(401).body("{\"details\": \"revoked\"}"),
        (("GET", "blobs", 1), Some("Bearer t0")) => Answer::ok(content(SIZE)).cut(PART),
        _ => challenge(asked),
    })
    .await;
    let image = fake.image_as_user();
    let error = refusal(download(&image, &content(SIZE), 0..u64::from(SIZE)).await);
    assert!(error.is_unauthorized() && !error.is_temporary(), "{error}");
    assert!(error.to_string().contains("revoked"), "{error}");
    let want = [
        "GET blobs",
        "GET /token",
        "GET blobs",
        "GET blobs",
        "GET /token",
    ];
    assert_eq!(fake.lines(), want);
}

#[tokio::test]
async fn a_token_that_expires_within_an_upload_is_renewed() {
    let fake = FakeRegistry::new(|asked| match (asked.key(), asked.header("authorization")) {
        (("GET", "/token", _), _) => grant(asked),
        (("HEAD", "blobs", 0), _) => challenge(asked),
        (("HEAD", "blobs", _), Some(_)) => Answer::error(404, "BLOB_UNKNOWN", "blob unknown"),
        // What pushes is granted apart, and expires between the two requests.
        (("POST", "uploads", 1), Some("Bearer t1"))
        | (("POST", "uploads", _), Some("Bearer t2")) => {
            Answer::new(202).header("Location", format!("/up/{}", asked.before))
        }
        (("PUT", _, _), Some("Bearer t2")) => Answer::new(201),
        _ => challenge(asked),
    })
    .await;
    let bytes = content(1000);
    let digest = Digest::of(&bytes);
    let image = fake.image_as_user();
    let pushed = image.push_blob(digest, vec![bytes.clone().into()]);
    pushed.await.expect("uploaded");
    let asked = fake.asked();
    let stored = asked.last().expect("requests");
    assert_eq!(stored.method, "PUT");
    assert!(stored.body == bytes);
    let puts = asked.iter().filter(|asked| asked.method == "PUT");
    assert_eq!(puts.count(), 2);
}

/// A registry that leads to storage, with a URL signed anew at each question but the first `stale`.
async fn leading(storage: &FakeRegistry, stale: usize) -> FakeRegistry {
    let bucket = format!("{}/bucket/layer", storage.origin());
    FakeRegistry::new(move |asked| {
        let signature = asked.before.saturating_sub(stale);
        let target = format!("{bucket}?X-Amz-Expires=60&X-Amz-Signature=SECRET{signature}");
        Answer::new(307).header("Location", target)
    })
    .await
}

fn expired(status: u16) -> Answer {
    Answer::new(status).body("<Error><Message>Request has expired</Message></Error>")
}

#[tokio::test]
async fn a_signed_url_that_expires_within_a_layer_is_asked_for_again() {
    let storage = FakeRegistry::new(|asked| match (asked.before, &asked.query) {
        (0, query) if query.ends_with("SECRET0") => Answer::ok(content(SIZE)).cut(PART),
        (1, query) if query.ends_with("SECRET1") => Answer::range(asked, &content(SIZE)).cut(PART),
        (2, query) if query.ends_with("SECRET2") => Answer::range(asked, &content(SIZE)),
        _ => expired(403),
    })
    .await;
    let fake = leading(&storage, 0).await;
    let got = download(&fake.image(), &content(SIZE), 0..u64::from(SIZE)).await;
    assert!(got.expect("a layer") == content(SIZE));
    assert_eq!((fake.lines().len(), storage.lines().len()), (3, 3));
}

#[tokio::test]
async fn a_signed_url_that_has_expired_already_is_asked_for_again() {
    // Storage of Google answers 400.
    for status in [400, 403] {
        let storage = FakeRegistry::new(move |asked| match asked.before {
            0 => Answer::ok(content(SIZE)).cut(PART),
            // The registry keeps its URLs for a while.
            _ if asked.query.ends_with("SECRET0") => expired(status),
            _ => Answer::range(asked, &content(SIZE)),
        })
        .await;
        let fake = leading(&storage, 2).await;
        let got = download(&fake.image(), &content(SIZE), 0..u64::from(SIZE)).await;
        assert!(got.expect("a layer") == content(SIZE));
        assert_eq!((fake.lines().len(), storage.lines().len()), (4, 4));
    }
}

#[tokio::test]
async fn storage_that_always_refuses_ends_the_layer() {
    let storage = FakeRegistry::new(|asked| match asked.before {
        0 => Answer::ok(content(SIZE)).cut(PART),
        _ => expired(403),
    })
    .await;
    let fake = leading(&storage, 0).await;
    let image = fake.image();
    let error = refusal(download(&image, &content(SIZE), 0..u64::from(SIZE)).await);
    assert!(error.is_unauthorized() && !error.is_temporary(), "{error}");
    // Once for the first part, three times for the second.
    assert_eq!((fake.lines().len(), storage.lines().len()), (4, 4));
}
