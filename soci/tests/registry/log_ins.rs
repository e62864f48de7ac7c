//! Sources of credentials, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use soci::{CredentialChain, CredentialSource, Credentials, ImageReference};

use crate::fake::{Answer, Asked, FakeRegistry};
use crate::refusal;

/// A source of a test: what it has, and how often it was asked.
struct Source {
    name: &'static str,
    has: Result<Option<Credentials>, &'static str>,
    asked: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl CredentialSource for Source {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    async fn find(
        &self,
        _: &ImageReference,
    ) -> Result<Option<Credentials>, Arc<dyn std::error::Error + Send + Sync>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.has
            .clone()
            .map_err(|reason| Arc::from(Box::from(reason)))
    }
}

fn user(password: &str) -> Credentials {
    Credentials::Basic {
        username: "user".to_owned(),
        password: password.to_owned(),
    }
}

/// A source, and the number of times that it was asked.
fn source(
    name: &'static str,
    has: Result<Option<Credentials>, &'static str>,
) -> (Source, Arc<AtomicUsize>) {
    let asked = Arc::default();
    let source = Source {
        name,
        has,
        asked: Arc::clone(&asked),
    };
    (source, asked)
}

/// A chain of no sources.
async fn nothing(fake: &FakeRegistry) -> CredentialChain {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("config.json");
    std::fs::write(&file, "").expect("written");
    let chain = CredentialChain::file(&file, &fake.reference()).await;
    chain.expect("an empty file is one")
}

/// `user:right`.
const RIGHT: &str = "Basic dXNlcjpyaWdodA==";
/// `user:old`.
const OLD: &str = "Basic dXNlcjpvbGQ=";

fn tags() -> Answer {
    Answer::json(&json!({"tags": ["1.4"]}))
}

/// Takes the right password, and refuses others as Amazon ECR does.
fn ecr(asked: &Asked) -> Answer {
    match asked.header("authorization") {
        Some(RIGHT) => tags(),
        Some(_) => Answer::error(403, "DENIED", "Your authorization token has expired."),
        None => Answer::new(401).header("WWW-Authenticate", r#"Basic realm="r""#),
    }
}

#[tokio::test]
async fn what_is_refused_gives_way_to_the_next() {
    let fake = FakeRegistry::new(ecr).await;
    let (old, _) = source("an old login", Ok(Some(user("old"))));
    let (empty, _) = source("an empty file", Ok(None));
    let (broken, _) = source("a broken helper", Err("it is locked"));
    let (right, right_asked) = source("AWS", Ok(Some(user("right"))));
    let (last, last_asked) = source("another", Ok(Some(user("other"))));
    let chain = nothing(&fake).await.then(old).then(empty).then(broken);
    let image = fake.image_as(chain.then(right).then(last).then_anonymous());
    for _ in 0..3 {
        assert_eq!(image.tags().await.expect("tags"), ["1.4"]);
    }
    // What was accepted is kept; nobody is asked twice, or without need.
    assert_eq!(fake.shown(), ["-", OLD, RIGHT, RIGHT, RIGHT]);
    assert_eq!(right_asked.load(Ordering::Relaxed), 1);
    assert_eq!(last_asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn every_source_is_named_in_the_end() {
    let fake = FakeRegistry::new(ecr).await;
    let (old, _) = source("an old login", Ok(Some(user("old"))));
    let (empty, _) = source("an empty file", Ok(None));
    let (broken, _) = source("a broken helper", Err("it is locked"));
    let chain = nothing(&fake).await.then(old).then(empty).then(broken);
    let image = fake.image_as(chain.then_anonymous());
    let error = refusal(image.tags().await);
    assert!(error.is_unauthorized());
    assert_eq!(error.status_code(), Some(403));
    let text = error.to_string();
    let want = "403 Forbidden, DENIED: Your authorization token has expired; credentials tried: ";
    assert!(text.contains(want), "{text}");
    for want in [
        "an old login: 403 Forbidden, DENIED: Your authorization token has expired; ",
        "an empty file: nothing for this registry; ",
        "a broken helper: it is locked; ",
        "no credentials: refused",
    ] {
        assert!(text.contains(want), "no {want:?} in {text}");
    }
    let failures: Vec<String> = error
        .tried()
        .iter()
        .filter_map(|tried| Some(tried.failure()?.to_string()))
        .collect();
    assert_eq!(failures, ["it is locked"]);
    // A refusal of one request says nothing of the next.
    let again = refusal(image.tags().await);
    assert_eq!(again.to_string(), text);
}

#[tokio::test]
async fn a_public_image_needs_nobody() {
    let fake = FakeRegistry::new(
        |asked| match (asked.kind(), asked.header("authorization")) {
            ("/token", None) => Answer::json(&json!({"token": "anonymous"})),
            ("/token", Some(_)) => Answer::new(401).body(r#"{"details":"wrong password"}"#),
            (_, Some("Bearer anonymous")) => tags(),
            _ => {
                let challenge = format!(r#"Bearer realm="{}/token",service="s""#, asked.origin());
                Answer::new(401).header("WWW-Authenticate", challenge)
            }
        },
    )
    .await;
    let (old, _) = source("an old login", Ok(Some(user("old"))));
    let chain = nothing(&fake).await.then(old).then_anonymous();
    fake.image_as(chain).tags().await.expect("public");
    // Whoever names credentials wants no others.
    let error = refusal(fake.image_as(user("old")).tags().await);
    assert!(error.to_string().ends_with("wrong password"), "{error}");
    let tried: Vec<&str> = error.tried().iter().map(soci::Tried::source_name).collect();
    assert_eq!(tried, ["the given credentials"]);
}

/// Scopes that are refused to nobody in particular are granted to somebody.
#[tokio::test]
async fn somebody_comes_before_nobody() {
    let fake = FakeRegistry::new(
        |asked| match (asked.kind(), asked.header("authorization")) {
            ("/token", Some(RIGHT)) => Answer::json(&json!({"access_token": "t"})),
            ("/token", _) => {
                Answer::error(403, "DENIED", "requested access to the resource is denied")
            }
            (_, Some("Bearer t")) => tags(),
            _ => {
                let challenge = format!(r#"Bearer realm="{}/token",service="s""#, asked.origin());
                Answer::new(401).header("WWW-Authenticate", challenge)
            }
        },
    )
    .await;
    let (right, _) = source("a login", Ok(Some(user("right"))));
    let chain = nothing(&fake).await.then(right).then_anonymous();
    fake.image_as(chain).tags().await.expect("tags");
    let error = refusal(
        fake.image_as(nothing(&fake).await.then_anonymous())
            .tags()
            .await,
    );
    let want = "no token granted: 403 Forbidden, requested access to the resource is denied";
    assert!(error.to_string().contains(want), "{error}");
}

#[tokio::test]
async fn identity_tokens_are_exchanged() {
    let fake = FakeRegistry::new(|asked| match (asked.method.as_str(), asked.kind()) {
        ("POST", "/token") => {
            let want = "grant_type=refresh_token&refresh_token=a%2Fb&service=s&\
                        scope=repository%3Ashop%2Fweb%3Apull&client_id=soci";
            assert_eq!(asked.body, want);
            assert_eq!(asked.header("authorization"), None);
            Answer::json(&json!({"access_token": "t"}))
        }
        _ if asked.header("authorization") == Some("Bearer t") => tags(),
        _ => {
            let challenge = format!(r#"Bearer realm="{}/token",service="s""#, asked.origin());
            Answer::new(401).header("WWW-Authenticate", challenge)
        }
    })
    .await;
    let token = Credentials::IdentityToken("a/b".to_owned());
    assert!(!format!("{token:?}").contains("a/b"));
    fake.image_as(token).tags().await.expect("tags");
    let token = Credentials::AccessToken("t".to_owned());
    fake.image_as(token).tags().await.expect("tags");
    assert_eq!(fake.lines()[3..], ["GET tags", "GET tags"]);
}

#[tokio::test]
async fn an_identity_token_follows_no_redirect() {
    let other = FakeRegistry::new(|_| Answer::json(&json!({"access_token": "t"}))).await;
    let elsewhere = format!("{}/token", other.origin());
    for status in [301, 302, 307, 308] {
        let elsewhere = elsewhere.clone();
        let fake = FakeRegistry::new(move |asked| match asked.method.as_str() {
            "POST" => Answer::new(status).header("Location", elsewhere.as_str()),
            _ => {
                let challenge = format!(r#"Bearer realm="{}/token",service="s""#, asked.origin());
                Answer::new(401).header("WWW-Authenticate", challenge)
            }
        })
        .await;
        let token = Credentials::IdentityToken("secret".to_owned());
        let error = refusal(fake.image_as(token).tags().await);
        assert!(!error.to_string().contains("secret"), "{status}: {error}");
    }
    for asked in other.asked() {
        let body = String::from_utf8_lossy(&asked.body);
        assert!(!body.contains("secret"), "{}: {body}", asked.method);
    }
}

/// A policy that forbids one request is none for the next.
#[tokio::test]
async fn a_policy_does_not_change_who_asks() {
    let fake = FakeRegistry::new(|asked| match asked.kind() {
        "manifests" if asked.header("authorization").is_some() => {
            Answer::error(403, "DENIED", "deleting is forbidden")
        }
        _ => ecr(asked),
    })
    .await;
    let (right, _) = source("a login", Ok(Some(user("right"))));
    let image = fake.image_as(nothing(&fake).await.then(right).then_anonymous());
    image.tags().await.expect("tags");
    let error = refusal(image.delete_manifest("1.4").await);
    assert!(
        error.to_string().contains("deleting is forbidden"),
        "{error}"
    );
    image.tags().await.expect("tags");
    assert_eq!(fake.shown().last().map(String::as_str), Some(RIGHT));
}

#[tokio::test]
async fn a_refused_log_in_is_not_a_missing_right() {
    // The statuses of the token server and of the registry.
    for (scheme, granted, asked, want) in [
        ("Basic", 200, 401, true),
        ("Basic", 200, 403, false),
        ("Bearer", 401, 200, true),
        ("Bearer", 200, 401, false),
        ("Bearer", 200, 403, false),
    ] {
        let fake =
            FakeRegistry::new(
                move |seen| match (seen.kind(), seen.header("authorization")) {
                    ("/token", _) if granted == 200 => Answer::json(&json!({"token": "t"})),
                    ("/token", _) => Answer::new(granted),
                    (_, Some(_)) => Answer::new(asked),
                    (_, None) => {
                        let challenge = format!(r#"{scheme} realm="{}/token""#, seen.origin());
                        Answer::new(401).header("WWW-Authenticate", challenge)
                    }
                },
            )
            .await;
        let error = refusal(fake.image_as(user("old")).tags().await);
        assert!(error.is_unauthorized(), "{error}");
        assert_eq!(error.refuses_log_in(), want, "{scheme}, {granted}: {error}");
    }
}

#[tokio::test]
async fn nobody_is_no_log_in() {
    let fake = FakeRegistry::new(ecr).await;
    let chain = nothing(&fake).await.then_anonymous();
    let error = refusal(fake.image_as(chain).tags().await);
    assert!(error.is_unauthorized(), "{error}");
    assert!(!error.refuses_log_in(), "{error}");
}
