//! Uploads that break, uploads that are not needed, and names that cannot be moved.

use soci::{Destination, Digest, Result};

use crate::fake::{Answer, Asked, FakeRegistry};
use crate::{content, manifest, refusal};

const UPLOAD: [&str; 3] = ["HEAD blobs", "POST uploads", "PUT uploads"];

/// Sessions of their own for every upload, each with a state of its own.
fn session(asked: &Asked) -> Answer {
    let session = format!("{}s{}?_state=SECRET", asked.path, asked.before);
    Answer::new(202).header("Location", session)
}

async fn push(fake: &FakeRegistry, bytes: &[u8]) -> Result<()> {
    let (digest, bytes) = (Digest::of(bytes), bytes.to_vec());
    fake.image().push_blob(digest, vec![bytes.into()]).await
}

fn unknown() -> Answer {
    Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry")
}

#[tokio::test]
async fn a_broken_upload_begins_again() {
    let fake = FakeRegistry::breaking(1, |asked| match asked.key() {
        ("HEAD", "blobs", _) => unknown(),
        ("POST", "uploads", _) => session(asked),
        ("PUT", "uploads", _) => Answer::new(201),
        other => panic!("{other:?}"),
    })
    .await;
    let bytes = content(4 << 20);
    let digest = Digest::of(&bytes);
    push(&fake, &bytes).await.expect("uploaded");
    assert_eq!(fake.lines(), [UPLOAD, UPLOAD].concat());
    let asked = fake.asked();
    assert_eq!((asked[2].name(), asked[5].name()), ("s0", "s1"));
    assert_eq!(asked[2].body.len(), bytes.len() / 2);
    assert!(asked[5].body == bytes);
    let query = format!("_state=SECRET&digest=sha256%3A{}", digest.hex());
    assert_eq!(asked[5].query, query);
    assert_eq!(asked[5].header("content-length"), Some("4194304"));
}

#[tokio::test]
async fn an_upload_whose_answer_was_lost_counts() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("HEAD", "blobs", 0) => unknown(),
        ("HEAD", "blobs", _) => Answer::new(200),
        ("POST", "uploads", _) => session(asked),
        ("PUT", "uploads", _) => Answer::lost(),
        other => panic!("{other:?}"),
    })
    .await;
    let bytes = content(1000);
    push(&fake, &bytes).await.expect("uploaded");
    assert_eq!(fake.lines(), [&UPLOAD[..], &UPLOAD[..1]].concat());
}

#[tokio::test]
async fn a_blob_that_exists_is_not_uploaded() {
    let fake = FakeRegistry::new(|_| Answer::new(200)).await;
    let bytes = content(1000);
    push(&fake, &bytes).await.expect("there");
    assert_eq!(fake.lines(), UPLOAD[..1]);
}

#[tokio::test]
async fn a_busy_registry_gets_the_blob_later() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("HEAD", "blobs", _) => unknown(),
        ("POST", "uploads", _) => session(asked),
        ("PUT", "uploads", _) if asked.name() == "s0" => {
            Answer::new(429).header("Retry-After", "0")
        }
        // An expired session.
        ("PUT", "uploads", _) if asked.name() == "s1" => {
            Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "no such session")
        }
        ("PUT", "uploads", _) => Answer::new(201),
        other => panic!("{other:?}"),
    })
    .await;
    let bytes = content(1000);
    push(&fake, &bytes).await.expect("uploaded");
    assert_eq!(fake.lines(), [UPLOAD, UPLOAD, UPLOAD].concat());
}

#[tokio::test]
async fn a_refused_upload_is_not_repeated() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("HEAD", "blobs", _) => unknown(),
        ("POST", "uploads", _) => session(asked),
        _ => Answer::error(400, "DIGEST_INVALID", "provided digest did not match"),
    })
    .await;
    let bytes = content(1000);
    let error = refusal(push(&fake, &bytes).await);
    assert!(error.is_write() && !error.is_temporary());
    let words = "400 Bad Request, DIGEST_INVALID: provided digest did not match";
    assert!(error.to_string().ends_with(words), "{error}");
    assert_eq!(fake.lines(), UPLOAD);
}

#[tokio::test]
async fn an_upload_needs_somewhere_to_go() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("HEAD", "blobs", _) => unknown(),
        _ => Answer::new(202),
    })
    .await;
    let bytes = content(1000);
    let error = refusal(push(&fake, &bytes).await);
    assert!(error.to_string().contains("Location"), "{error}");
}

#[tokio::test]
async fn another_host_takes_the_blob_but_not_the_credentials() {
    let storage = FakeRegistry::new(|asked| match asked.key() {
        ("PUT", "/bucket/1", _) => Answer::new(201),
        ("PUT", "/bucket/2", _) => Answer::new(403).body("<Error>Expired</Error>"),
        other => panic!("{other:?}"),
    })
    .await;
    let bucket = format!("{}/bucket", storage.origin());
    let fake = FakeRegistry::new(move |asked| match asked.key() {
        _ if asked.header("authorization").is_none() => {
            Answer::new(401).header("WWW-Authenticate", r#"Basic realm="r""#)
        }
        ("HEAD", "blobs", _) => unknown(),
        ("POST", "uploads", before) => {
            let location = format!("{bucket}/{before}?X-Amz-Signature=SECRET");
            Answer::new(202).header("Location", location)
        }
        other => panic!("{other:?}"),
    })
    .await;
    let image = fake.image_as_user();
    let bytes = content(1000);
    let pushed = image.push_blob(Digest::of(&bytes), vec![bytes.clone().into()]);
    pushed.await.expect("uploaded");
    let error = refusal(
        image
            .push_blob(Digest::of(&bytes), vec![bytes.clone().into()])
            .await,
    );
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!(storage.shown(), ["-", "-"]);
    assert!(storage.asked()[0].body == bytes);
}

#[tokio::test]
async fn a_stream_is_sent_once() {
    let fake = FakeRegistry::breaking(1, |asked| match asked.key() {
        ("HEAD", "blobs", _) => unknown(),
        ("POST", "uploads", _) => session(asked),
        ("PUT", "uploads", _) => Answer::new(201),
        other => panic!("{other:?}"),
    })
    .await;
    let image = fake.image();
    let bytes = content(4 << 20);
    let descriptor = soci::oci::Descriptor::of("", &bytes);
    let stream = || -> soci::ByteStream {
        let pieces: Vec<_> = bytes.chunks(100_000).map(<[u8]>::to_vec).collect();
        let pieces = pieces.into_iter().map(|piece| Ok(piece.into()));
        Box::pin(futures_util::stream::iter(pieces))
    };
    let error = refusal(image.push_stream(&descriptor, stream()).await);
    assert!(error.is_temporary() && error.is_unreachable());
    assert_eq!(fake.lines(), UPLOAD);
    let pushed = image.push_stream(&descriptor, stream()).await;
    pushed.expect("uploaded");
    assert!(fake.asked()[5].body == bytes);
}

#[tokio::test]
async fn a_tag_that_cannot_be_moved() {
    let (ours, theirs) = (manifest("ours"), manifest("theirs"));
    let digest = ours.descriptor.digest.to_string();
    let fake = FakeRegistry::new(move |asked| match asked.key() {
        ("HEAD", "manifests", _) => Answer::new(200)
            .header("Docker-Content-Digest", digest.clone())
            .header("Content-Length", "2"),
        _ => Answer::error(400, "TAG_INVALID", "the tag 1.4 is immutable"),
    })
    .await;
    let image = fake.image();
    image.tag(&ours, "1.4").await.expect("there");
    assert_eq!(fake.lines(), ["HEAD manifests"]);
    let error = refusal(image.tag(&theirs, "1.4").await);
    let words = "400 Bad Request, TAG_INVALID: the tag 1.4 is immutable";
    assert!(error.to_string().ends_with(words), "{error}");
    assert_eq!(error.details()[0].code, "TAG_INVALID");
    // The manifest itself is there.
    let (head, put) = ("HEAD manifests", "PUT manifests");
    assert_eq!(fake.lines()[1..], [head, head, put, head]);
}

#[tokio::test]
async fn a_tag_whose_answer_was_lost_counts() {
    let ours = manifest("ours");
    let digest = ours.descriptor.digest.to_string();
    let fake = FakeRegistry::new(move |asked| match asked.key() {
        ("HEAD", "manifests", 0) | ("GET", "manifests", _) => {
            Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        }
        ("PUT", "manifests", 0) => Answer::lost(),
        ("PUT", "manifests", _) => Answer::error(400, "TAG_INVALID", "the tag 1.4 is immutable"),
        _ => Answer::new(200)
            .header("Docker-Content-Digest", digest.clone())
            .header("Content-Length", "2"),
    })
    .await;
    fake.image().tag(&ours, "1.4").await.expect("tagged");
    let asked = fake.lines();
    let puts = asked.iter().filter(|line| *line == "PUT manifests");
    assert_eq!((puts.count(), asked.len()), (2, 5), "{asked:?}");
}

/// Contents are stored before the manifest that lists them. Some registries need a moment to see
/// them, and Docker's own reads a link that another client is writing as empty.
#[tokio::test]
async fn content_that_was_just_stored_may_be_unknown_for_a_moment() {
    let fake = FakeRegistry::new(|asked| match asked.key() {
        ("PUT", "manifests", 0) => {
            Answer::error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
        }
        ("PUT", "manifests", _) => Answer::new(201),
        _ => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
    })
    .await;
    let pushed = fake.image().push_manifest(&manifest("ours")).await;
    pushed.expect("stored");
    assert_eq!(
        fake.lines(),
        ["HEAD manifests", "PUT manifests", "PUT manifests"]
    );
}
