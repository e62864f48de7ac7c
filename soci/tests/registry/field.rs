//! Registries as they are found: each does one thing in a way of its own, and an image is pushed,
//! pulled, listed and deleted all the same.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::json;
use soci::oci::media_type;
use soci::{Destination, Digest, ImageSource};

use crate::fake::{Answer, Asked, FakeRegistry};
use crate::{content, download, manifest, refusal};

/// `user:secret`.
const BASIC: &str = "Basic dXNlcjpzZWNyZXQ=";
/// Size of the blob.
const SIZE: u32 = 1000;

/// A way of a registry that is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    AsSpecified,
    /// HEAD is refused with this status where GET works.
    HeadRefused(u16),
    NoDigestHeader,
    NoMediaType,
    AbsoluteLocation,
    LocationWithQuery,
    /// The session is answered 201 at once, and the blob is there.
    CreatedAtOnce,
    /// Uploads are answered with this status.
    Stored(u16),
    /// DELETE is answered with this status.
    Deleted(u16),
    /// DELETE is refused with this status.
    DeleteRefused(u16),
    /// The token server uses this name, and no other.
    TokenNamed(&'static str),
    RealmWithQuery,
    /// Challenges in one header or several, of which one can be answered.
    Challenges(&'static [&'static str]),
    /// A request without credentials is forbidden, without a challenge.
    ForbiddenAtOnce,
}

const WAYS: [Way; 24] = [
    Way::AsSpecified,
    Way::HeadRefused(400),
    Way::HeadRefused(403),
    Way::HeadRefused(405),
    Way::HeadRefused(501),
    Way::NoDigestHeader,
    Way::NoMediaType,
    Way::AbsoluteLocation,
    Way::LocationWithQuery,
    Way::CreatedAtOnce,
    Way::Stored(200),
    Way::Stored(202),
    Way::Stored(204),
    Way::Deleted(200),
    Way::Deleted(202),
    Way::Deleted(204),
    Way::DeleteRefused(405),
    Way::DeleteRefused(501),
    Way::TokenNamed("token"),
    Way::TokenNamed("access_token"),
    Way::RealmWithQuery,
    Way::Challenges(&["Negotiate", "Basic realm=\"r\""]),
    Way::Challenges(&["Digest realm=\"r\", nonce=\"n\", Basic realm=\"r\", charset=\"UTF-8\""]),
    Way::ForbiddenAtOnce,
];

#[derive(Default)]
struct Kept {
    blobs: BTreeMap<String, Bytes>,
    manifests: BTreeMap<String, (String, Bytes)>,
}

fn unknown(code: &str) -> Answer {
    Answer::error(404, code, "unknown to registry")
}

impl Way {
    /// Returns what to answer to somebody who shows nothing that is accepted.
    fn challenge(self, asked: &Asked) -> Option<Answer> {
        let shown = asked.header("authorization");
        let bearer = |query: &str| {
            let challenge = format!(
                r#"Bearer realm="{}/token{query}",service="s""#,
                asked.origin()
            );
            Answer::new(401).header("WWW-Authenticate", challenge)
        };
        let accepted = match self {
            Self::TokenNamed(_) | Self::RealmWithQuery => "Bearer t",
            _ => BASIC,
        };
        if shown == Some(accepted) {
            return None;
        }
        match self {
            Self::TokenNamed(_) => Some(bearer("")),
            Self::RealmWithQuery => Some(bearer("?account=a&scope=openid")),
            Self::Challenges(challenges) => {
                let mut answer = Answer::new(401);
                for challenge in challenges {
                    answer = answer.header("WWW-Authenticate", *challenge);
                }
                Some(answer)
            }
            Self::ForbiddenAtOnce if asked.path == "/v2/" => {
                Some(Answer::new(401).header("WWW-Authenticate", r#"Basic realm="r""#))
            }
            Self::ForbiddenAtOnce => Some(Answer::error(403, "DENIED", "access forbidden")),
            _ => None,
        }
    }

    fn token(self, asked: &Asked) -> Answer {
        assert_eq!(asked.header("authorization"), Some(BASIC));
        match self {
            Self::TokenNamed(name) => Answer::json(&json!({name: "t"})),
            Self::RealmWithQuery => {
                let all = "account=a&scope=openid&service=s&scope=repository%3Ashop%2Fweb%3A";
                assert!(asked.query.starts_with(all), "{}", asked.query);
                Answer::json(&json!({"token": "t"}))
            }
            _ => panic!("{self:?} has no token server"),
        }
    }

    fn answer(self, kept: &mut Kept, asked: &Asked) -> Answer {
        if asked.path == "/token" {
            return self.token(asked);
        }
        if let Some(challenge) = self.challenge(asked) {
            return challenge;
        }
        let name = asked.name().to_owned();
        let stored = match self {
            Self::Stored(status) => status,
            _ => 201,
        };
        match (asked.method.as_str(), asked.kind(), self) {
            ("HEAD", _, Self::HeadRefused(status)) => Answer::new(status),
            ("HEAD" | "GET", "blobs", _) => match kept.blobs.get(&name) {
                Some(blob) => Answer::range(asked, blob),
                None => unknown("BLOB_UNKNOWN"),
            },
            ("GET", "/v2/", _) => Answer::new(200),
            ("POST", "uploads", Self::CreatedAtOnce) => {
                let blob = Bytes::from(content(SIZE));
                kept.blobs.insert(Digest::of(&blob).to_string(), blob);
                Answer::new(201)
            }
            ("POST", "uploads", _) => Answer::new(202).header(
                "Location",
                match self {
                    Self::AbsoluteLocation => format!("{}/up/1", asked.origin()),
                    Self::LocationWithQuery => "/up/1?_state=SECRET".to_owned(),
                    _ => "/up/1".to_owned(),
                },
            ),
            ("PUT", "/up/1", _) => {
                if self == Self::LocationWithQuery {
                    assert!(asked.query.starts_with("_state=SECRET&digest="));
                }
                let digest = Digest::of(&asked.body).to_string();
                assert!(asked.query.contains(&digest.replace(':', "%3A")));
                kept.blobs.insert(digest, asked.body.clone());
                Answer::new(stored)
            }
            ("PUT", "manifests", _) => {
                let media_type = asked.header("content-type").expect("a media type");
                let manifest = (media_type.to_owned(), asked.body.clone());
                let digest = Digest::of(&asked.body).to_string();
                kept.manifests.insert(digest, manifest.clone());
                kept.manifests.insert(name, manifest);
                Answer::new(stored)
            }
            ("HEAD" | "GET", "manifests", _) => {
                let Some((media_type, bytes)) = kept.manifests.get(&name) else {
                    return unknown("MANIFEST_UNKNOWN");
                };
                let mut answer = Answer::ok(bytes.clone());
                if self != Self::NoMediaType {
                    answer = answer.header("Content-Type", media_type.clone());
                }
                if self != Self::NoDigestHeader {
                    let digest = Digest::of(bytes).to_string();
                    answer = answer.header("Docker-Content-Digest", digest);
                }
                answer
            }
            ("DELETE", "manifests", Self::DeleteRefused(status)) => {
                Answer::error(status, "UNSUPPORTED", "unsupported")
            }
            ("DELETE", "manifests", _) => {
                let Some((_, gone)) = kept.manifests.get(&name).cloned() else {
                    return unknown("MANIFEST_UNKNOWN");
                };
                kept.manifests.retain(|_, (_, bytes)| *bytes != gone);
                Answer::new(match self {
                    Self::Deleted(status) => status,
                    _ => 202,
                })
            }
            ("GET", "tags", _) => {
                let tags = kept.manifests.keys().filter(|name| !name.contains(':'));
                Answer::json(&json!({"name": "shop/web", "tags": tags.collect::<Vec<_>>()}))
            }
            other => panic!("{self:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_way() {
    // Some have the client wait.
    join_all(WAYS.map(works)).await;
}

async fn works(way: Way) {
    let kept = Mutex::new(Kept::default());
    let fake =
        FakeRegistry::new(move |asked| way.answer(&mut kept.lock().expect("no panic"), asked))
            .await;
    let image = fake.image_as_user();
    let (blob, document) = (content(SIZE), manifest("pushed"));
    let digest = Digest::of(&blob);
    let what = format!("{way:?}");

    assert!(!image.has_blob(digest).await.expect(&what), "{what}");
    image
        .push_blob(digest, vec![blob.clone().into()])
        .await
        .expect(&what);
    assert!(image.has_blob(digest).await.expect(&what), "{what}");
    assert!(download(&image, &blob, 0..SIZE.into()).await.expect(&what) == blob);

    assert_eq!(image.resolve("1.4").await.expect(&what), None, "{what}");
    image.push_manifest(&document).await.expect(&what);
    image.tag(&document, "1.4").await.expect(&what);
    let found = image.resolve("1.4").await.expect(&what).expect(&what);
    assert_eq!(found.digest, document.descriptor.digest, "{what}");
    let pulled = image.pull_manifest("1.4").await.expect(&what);
    assert_eq!(pulled.bytes, document.bytes, "{what}");
    assert_eq!(image.tags().await.expect(&what), ["1.4"], "{what}");
    let read = image.manifest(&document.descriptor).await.expect(&what);
    assert_eq!(read, document.bytes, "{what}");

    let deleted = image.delete_manifest(document.descriptor.digest).await;
    if let Way::DeleteRefused(status) = way {
        let error = refusal(deleted);
        assert!(error.is_unsupported() && error.status_code() == Some(status));
        return;
    }
    assert!(deleted.expect(&what), "{what}");
    assert_eq!(image.resolve("1.4").await.expect(&what), None, "{what}");
    assert!(image.tags().await.expect(&what).is_empty(), "{what}");
    let again = image.delete_manifest(document.descriptor.digest).await;
    assert!(!again.expect(&what), "{what}");
}

/// HEAD says nothing of why: the registry's own words decide.
#[tokio::test]
async fn a_refusal_of_both_is_a_refusal() {
    let fake = FakeRegistry::new(|_| Answer::error(403, "DENIED", "not for you")).await;
    let image = fake.image();
    let digest = Digest::of(content(SIZE));
    for error in [
        refusal(image.has_blob(digest).await),
        refusal(image.resolve("1.4").await),
    ] {
        assert_eq!(error.status_code(), Some(403));
        assert!(error.to_string().contains("not for you"), "{error}");
    }
}

/// A registry that creates nothing has not stored the blob.
#[tokio::test]
async fn created_is_not_believed() {
    let fake = FakeRegistry::new(|asked| match asked.method.as_str() {
        "HEAD" => unknown("BLOB_UNKNOWN"),
        _ => Answer::new(201),
    })
    .await;
    let blob = content(SIZE);
    let image = fake.image();
    let pushed = image.push_blob(Digest::of(&blob), vec![blob.into()]);
    let error = refusal(pushed.await);
    assert!(error.to_string().contains("Location"), "{error}");
}

/// A page for people is no image, and where it leads is not asked.
#[tokio::test]
async fn a_page_for_people_is_not_followed() {
    let elsewhere = FakeRegistry::new(|_| Answer::ok("<html>")).await;
    let target = format!("{}/login", elsewhere.origin());
    let fake =
        FakeRegistry::new(move |_| Answer::new(303).header("Location", target.clone())).await;
    let error = refusal(fake.image().pull_manifest("1.4").await);
    assert_eq!(error.status_code(), Some(303));
    assert!(elsewhere.asked().is_empty());
    let described = media_type::OCI_MANIFEST;
    assert!(
        fake.asked()[0]
            .header("accept")
            .is_some_and(|a| a.contains(described))
    );
}
