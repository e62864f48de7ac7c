//! Credentials and tokens: who receives them.

use serde_json::json;
use soci::{Destination, Digest, Error};

use crate::fake::{Answer, Asked, FakeRegistry};
use crate::{content, download, refusal};

/// `user:secret`.
const BASIC: &str = "Basic dXNlcjpzZWNyZXQ=";

fn tags() -> Answer {
    Answer::json(&json!({"tags": []}))
}

/// Wants a token of this registry's own token server.
fn challenge(asked: &Asked) -> Answer {
    let realm = format!("{}/token?account=a", asked.origin());
    let challenge = format!(r#"Bearer realm="{realm}",service="registry.test",scope="ignored""#);
    Answer::error(401, "UNAUTHORIZED", "authentication required")
        .header("WWW-Authenticate", challenge)
}

/// A registry that wants the token `t`, which the token server's answer may hold.
async fn guarded(token_server: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> FakeRegistry {
    FakeRegistry::new(move |asked| match asked.key() {
        ("GET", "/token", _) => token_server(asked),
        _ if asked.header("authorization") == Some("Bearer t") => tags(),
        _ => challenge(asked),
    })
    .await
}

#[tokio::test]
async fn a_token_is_exchanged_and_used_until_it_expires() {
    let fake = FakeRegistry::new(|asked| match (asked.key(), asked.header("authorization")) {
        (("GET", "/token", before), Some(BASIC)) => {
            Answer::json(&json!({"token": format!("t{before}"), "expires_in": 300}))
        }
        (("GET", "tags", 0..=2), Some("Bearer t0")) => tags(),
        (("GET", "tags", _), Some("Bearer t1")) => tags(),
        _ => challenge(asked),
    })
    .await;
    let image = fake.image_as_user();
    for _ in 0..3 {
        image.tags().await.expect("tags");
    }
    assert_eq!(
        fake.shown(),
        [
            "-",
            BASIC,
            "Bearer t0", // challenged
            "Bearer t0", // reused, by a clone as well
            "Bearer t0",
            BASIC,
            "Bearer t1", // expired
        ]
    );
    let query = "account=a&service=registry.test&scope=repository%3Ashop%2Fweb%3Apull";
    assert_eq!(fake.asked()[1].query, query);
}

#[tokio::test]
async fn pushing_wants_more_rights() {
    let fake = FakeRegistry::new(|asked| match (asked.key(), asked.header("authorization")) {
        (("GET", "/token", _), None) if asked.query.ends_with("%3Apull%2Cpush") => {
            Answer::json(&json!({"access_token": "w"}))
        }
        (("GET", "/token", _), None) => Answer::json(&json!({"token": "r"})),
        (("HEAD", "blobs", _), Some("Bearer r")) => Answer::new(404),
        (("POST", "uploads", _), Some("Bearer w")) => Answer::new(202).header("Location", "/up"),
        (("PUT", "/up", _), Some("Bearer w")) => Answer::new(201),
        _ => challenge(asked),
    })
    .await;
    let bytes = content(1000);
    let image = fake.image();
    let pushed = image.push_blob(Digest::of(&bytes), vec![bytes.into()]);
    pushed.await.expect("uploaded");
}

/// The answer of Docker Hub, with the token twice.
#[tokio::test]
async fn a_token_may_have_both_its_names() {
    let answer = json!({"token": "t", "access_token": "t", "expires_in": 300});
    let fake = guarded(move |_| Answer::json(&answer)).await;
    fake.image().tags().await.expect("tags");
}

#[tokio::test]
async fn a_busy_token_server_is_asked_again() {
    let fake = guarded(|asked| match asked.before {
        0 => Answer::new(503),
        _ => Answer::json(&json!({"token": "t"})),
    })
    .await;
    fake.image_as_user().tags().await.expect("tags");
    let tokens = fake.lines();
    let tokens = tokens.iter().filter(|line| *line == "GET /token");
    assert_eq!(tokens.count(), 2);
}

#[tokio::test]
async fn a_token_server_that_stays_busy_is_temporary() {
    let fake = guarded(|_| Answer::new(503)).await;
    let error = refusal(fake.image_as_user().tags().await);
    assert!(error.is_temporary() && !error.is_unauthorized(), "{error}");
    assert_eq!(error.status_code(), Some(503));
}

#[tokio::test]
async fn a_token_may_be_refused() {
    let fake = guarded(|_| {
        let details = json!({"details": "incorrect username or password"});
        Answer::new(401).body(details.to_string())
    })
    .await;
    let error = refusal(fake.image_as_user().tags().await);
    assert!(error.is_unauthorized() && !error.is_temporary());
    let text = error.to_string();
    let words = "no token granted: 401 Unauthorized, incorrect username or password";
    assert!(text.ends_with(words), "{text}");
    assert!(!text.contains("account=a"), "{text}");
    assert_eq!(fake.lines(), ["GET tags", "GET /token"]);
}

#[tokio::test]
async fn nonsense_is_no_token() {
    let long = json!({"token": "t".repeat(300 << 10)}).to_string();
    for body in [long, "{}".to_owned(), "<html>".to_owned()] {
        let fake = guarded(move |_| Answer::ok(body.clone())).await;
        let error = refusal(fake.image().tags().await);
        assert!(error.to_string().ends_with("holds no token"), "{error}");
        assert_eq!(fake.lines(), ["GET tags", "GET /token"]);
    }
    let fake = guarded(|_| Answer::new(200).endless()).await;
    let error = refusal(fake.image().tags().await);
    assert!(error.to_string().ends_with("holds no token"), "{error}");
    assert!(fake.sent() < 64 << 20, "{}", fake.sent());
}

#[tokio::test]
async fn a_registry_may_take_the_credentials_themselves() {
    let fake = FakeRegistry::new(|asked| match asked.header("authorization") {
        Some(BASIC) => tags(),
        _ => Answer::new(401).header("WWW-Authenticate", r#"Basic realm="r""#),
    })
    .await;
    let image = fake.image_as_user();
    for _ in 0..2 {
        image.tags().await.expect("tags");
    }
    assert_eq!(fake.shown(), ["-", BASIC, BASIC]);

    // Nobody has nothing to show, and is not asked twice.
    let error = refusal(fake.image().tags().await);
    assert!(error.is_unauthorized());
    assert_eq!(fake.shown()[3..], ["-"]);
}

#[tokio::test]
async fn nobody_is_told_who_does_not_ask() {
    let fake = FakeRegistry::new(|_| tags()).await;
    fake.image().tags().await.expect("tags");
    fake.image_as_user().tags().await.expect("tags");
    assert_eq!(fake.shown(), ["-", "-"]);
}

/// A registry that takes the credentials and leaves the blob to another host.
async fn redirecting(storage: &FakeRegistry) -> FakeRegistry {
    let target = format!("{}/bucket/blob?X-Amz-Signature=SECRET", storage.origin());
    FakeRegistry::new(move |asked| match asked.header("authorization") {
        Some(BASIC) => Answer::new(307).header("Location", target.clone()),
        _ => Answer::new(401).header("WWW-Authenticate", r#"Basic realm="r""#),
    })
    .await
}

#[tokio::test]
async fn storage_is_not_told_who_asks() {
    let storage = FakeRegistry::new(|_| Answer::ok(content(1000))).await;
    let fake = redirecting(&storage).await;
    let image = fake.image_as_user();
    let got = download(&image, &content(1000), 0..1000).await;
    assert_eq!(got.expect("a blob"), content(1000));
    assert_eq!(storage.shown(), ["-"]);
    assert_eq!(storage.asked()[0].query, "X-Amz-Signature=SECRET");
}

#[tokio::test]
async fn storage_that_refuses_is_quoted_without_signatures() {
    let storage = FakeRegistry::new(|_| Answer::new(403).body("<Error>Expired</Error>")).await;
    let fake = redirecting(&storage).await;
    let error = refusal(fake.image_as_user().pull_manifest("1.4").await);
    assert!(error.is_unauthorized());
    let start = format!("GET {}/bucket/blob", storage.origin());
    assert!(error.to_string().starts_with(&start), "{error}");
    assert_eq!(storage.lines().len(), 3);
}

/// A server that answers in the registry's place does not get its credentials by asking for them.
#[tokio::test]
async fn storage_that_asks_is_not_told() {
    let storage = FakeRegistry::new(|asked| match asked.kind() {
        "/token" => Answer::json(&json!({"token": "t"})),
        _ => challenge(asked),
    })
    .await;
    let fake = redirecting(&storage).await;
    let image = fake.image_as_user();
    // At first it is the registry that asks.
    for _ in 0..2 {
        let error = refusal(image.pull_manifest("1.4").await);
        assert!(error.is_unauthorized(), "{error}");
    }
    // Asked again, as its URLs may expire.
    assert_eq!(storage.shown(), ["-"; 6]);
}

#[tokio::test]
async fn a_redirect_into_nothing_shows_no_signature() {
    let fake = FakeRegistry::new(|_| {
        // Nobody listens on port 9 of this machine.
        let target = "http://127.0.0.1:9/bucket/blob?X-Amz-Signature=SECRET";
        Answer::new(307).header("Location", target)
    })
    .await;
    let error = fake
        .image()
        .pull_manifest("1.4")
        .await
        .expect_err("no answer");
    assert!(matches!(error, Error::Registry(_)));
    assert!(refusal::<()>(Err(error)).is_unreachable());
}

#[tokio::test]
async fn a_registry_leads_to_no_link_local_address() {
    for target in [
        "http://169.254.169.254/latest/api/token",
        "http://[fe80::1]/",
    ] {
        let fake = FakeRegistry::new(move |_| Answer::new(307).header("Location", target)).await;
        let error = refusal(fake.image().pull_manifest("1.4").await);
        let text = error.to_string();
        assert!(text.contains("redirect to a link-local address"), "{text}");
        assert!(!error.is_temporary(), "{text}");
        let fake = FakeRegistry::new(move |_| {
            let challenge = format!(r#"Bearer realm="{target}""#);
            Answer::new(401).header("WWW-Authenticate", challenge)
        })
        .await;
        let error = refusal(fake.image_as_user().pull_manifest("1.4").await);
        let text = error.to_string();
        assert!(text.contains("names a link-local address"), "{text}");
    }
}

/// A registry on this machine is asked over plain HTTP, but its token server elsewhere is not.
#[tokio::test]
async fn a_token_server_elsewhere_has_tls() {
    let fake = FakeRegistry::new(|_| {
        let challenge = r#"Bearer realm="http://192.0.2.1/token""#;
        Answer::new(401).header("WWW-Authenticate", challenge)
    })
    .await;
    let error = refusal(fake.image_as_user().pull_manifest("1.4").await);
    let text = error.to_string();
    assert!(text.contains("a token server without TLS"), "{text}");
}
