use tests::fake::aws::{ACCOUNT, FakeAws, field};
use tfplugin_sdk::Value;

use super::testing::{ACCESS_KEY, aws};

fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|&text| text.into()).collect())
}

fn role(account: &str, more: &[(&str, Value)]) -> Value {
    let arn = format!("arn:aws:iam::{account}:role/deploy");
    let mut role = Value::object([("role_arn", arn.into())]);
    for (name, value) in more {
        role.set(*name, value.clone());
    }
    role
}

#[tokio::test]
async fn the_account_is_looked_up_once() {
    let fake = FakeAws::start().expect("starts");
    let aws = aws(&fake, []);
    assert!(fake.calls().is_empty(), "AWS is asked too early");
    for _ in 0..2 {
        let account = aws.account(None).await.expect("an account");
        assert_eq!(account.id, ACCOUNT);
        assert_eq!(
            (&*account.partition, &*account.region),
            ("aws", "eu-west-1")
        );
    }
    aws.lambda(None).await.expect("a client");
    aws.iam(None).await.expect("a client");
    let calls = fake.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].access_key, ACCESS_KEY);
    assert_eq!(
        (&*calls[0].service, &*calls[0].region),
        ("sts", "eu-west-1")
    );
}

#[tokio::test]
async fn accounts_are_allowed_or_forbidden() {
    let other = "210987654321";
    for (list, id, allowed) in [
        ("allowed_account_ids", ACCOUNT, true),
        ("allowed_account_ids", other, false),
        ("forbidden_account_ids", ACCOUNT, false),
        ("forbidden_account_ids", other, true),
    ] {
        // Skipping the credentials check does not skip this one.
        for skip in [false, true] {
            let fake = FakeAws::start().expect("starts");
            let skip = ("skip_credentials_validation", skip.into());
            let aws = aws(&fake, [(list, texts(&[id])), skip]);
            let client = aws.events(None).await;
            assert_eq!(client.is_ok(), allowed, "{list} {id}");
            if let Err(failure) = client {
                assert_eq!(failure.summary, "AWS account not allowed");
                assert!(failure.detail.contains(ACCOUNT) && failure.detail.contains(list));
            }
        }
    }
}

#[tokio::test]
async fn the_check_of_the_credentials_can_be_left_out() {
    let fake = FakeAws::start().expect("starts");
    let aws = aws(&fake, [("skip_credentials_validation", true.into())]);
    aws.logs(None).await.expect("a client");
    aws.events(None).await.expect("a client");
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn roles_are_assumed_one_after_the_other() {
    let fake = FakeAws::start().expect("starts");
    let first = [
        ("session_name", "a-session".into()),
        ("external_id", "an-id".into()),
        ("duration", "1h30m".into()),
        ("policy", "{}".into()),
        (
            "policy_arns",
            texts(&["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
        ),
        ("tags", Value::object([("team", "web".into())])),
        ("transitive_tag_keys", texts(&["team"])),
        ("source_identity", "somebody".into()),
    ];
    let roles = [role("111111111111", &first), role("222222222222", &[])];
    let aws = aws(&fake, [("assume_role", Value::List(roles.into()))]);
    let account = aws.account(None).await.expect("an account");
    assert_eq!(account.id, "222222222222");

    let calls = fake.calls_of("AssumeRole");
    let [one, two] = &calls[..] else {
        panic!("{calls:?}");
    };
    assert_eq!(
        (&*one.access_key, &*two.access_key),
        (ACCESS_KEY, "ASIATESTS0")
    );
    for (name, want) in [
        ("RoleArn", "arn:aws:iam::111111111111:role/deploy"),
        ("RoleSessionName", "a-session"),
        ("ExternalId", "an-id"),
        ("DurationSeconds", "5400"),
        ("Policy", "%7B%7D"),
        (
            "PolicyArns.member.1.arn",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
        ),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "web"),
        ("TransitiveTagKeys.member.1", "team"),
        ("SourceIdentity", "somebody"),
    ] {
        assert_eq!(field(&one.body, name).as_deref(), Some(want), "{name}");
        if !name.starts_with("Role") {
            assert_eq!(field(&two.body, name), None, "{name}");
        }
    }
    let identity = fake.calls_of("GetCallerIdentity");
    assert_eq!(identity[0].access_key, "ASIATESTS1");
    assert_eq!(identity[0].session_token, tests::fake::aws::SESSION_TOKEN);
}

#[tokio::test]
async fn a_web_identity_comes_before_the_roles() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    std::fs::write(&file, "a-token\n").expect("written");
    let file = Value::from(file.to_string_lossy().as_ref());
    for token in [
        ("web_identity_token", "a-token".into()),
        ("web_identity_token_file", file),
    ] {
        let fake = FakeAws::start().expect("starts");
        let web = Value::List(vec![role("111111111111", &[token])]);
        let then = Value::List(vec![role("222222222222", &[])]);
        let aws = aws(
            &fake,
            [
                ("assume_role_with_web_identity", web),
                ("assume_role", then),
            ],
        );
        assert_eq!(
            aws.account(None).await.expect("an account").id,
            "222222222222"
        );
        let calls = fake.calls_of("AssumeRoleWithWebIdentity");
        assert_eq!(calls.len(), 1);
        assert_eq!(
            field(&calls[0].body, "WebIdentityToken").as_deref(),
            Some("a-token")
        );
        assert_eq!(calls[0].access_key, "", "a web identity needs no other");
        assert_eq!(fake.calls_of("AssumeRole")[0].access_key, "ASIATESTS0");
    }
}

#[tokio::test]
async fn failures_say_what_to_do() {
    for (action, code, summary, wanted) in [
        (
            "GetCallerIdentity",
            "ExpiredToken",
            "AWS credentials expired",
            "aws sso login",
        ),
        (
            "GetCallerIdentity",
            "InvalidClientTokenId",
            "AWS credentials not valid",
            "region",
        ),
        (
            "GetCallerIdentity",
            "AccessDenied",
            "AWS access denied",
            "Grant",
        ),
        (
            "AssumeRole",
            "AccessDenied",
            "AWS credentials not usable",
            ":role/deploy",
        ),
        (
            "AssumeRole",
            "ExpiredTokenException",
            "AWS credentials expired",
            ":role/deploy",
        ),
    ] {
        let fake = FakeAws::start().expect("starts");
        fake.fail(action, 20, 403, code);
        let roles = match action {
            "AssumeRole" => vec![role("111111111111", &[])],
            _ => vec![],
        };
        let aws = aws(&fake, [("assume_role", Value::List(roles))]);
        let failure = aws.account(None).await.expect_err(code);
        assert_eq!(failure.summary, summary, "{}", failure.detail);
        for want in [code, "as the test wants", wanted] {
            assert!(failure.detail.contains(want), "{}", failure.detail);
        }
        // A failure is kept, without another request.
        let calls = fake.calls().len();
        assert_eq!(aws.lambda(None).await.err(), Some(failure));
        assert_eq!(fake.calls().len(), calls);
    }
}

#[tokio::test]
async fn the_first_request_is_not_repeated_for_long() {
    let fake = FakeAws::start().expect("starts");
    fake.fail("GetCallerIdentity", 20, 503, "ServiceUnavailable");
    let failure = aws(&fake, []).account(None).await.expect_err("refused");
    assert_eq!(failure.summary, "AWS too busy");
    assert_eq!(fake.calls_of("GetCallerIdentity").len(), 3);
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_on() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let url = format!("http://{}", gone.expect("an address"));
    let endpoints = Value::List(vec![Value::object([("sts", url.into())])]);
    let fake = FakeAws::start().expect("starts");
    let more = [("endpoints", endpoints), ("max_retries", 0.into())];
    let failure = aws(&fake, more).account(None).await.expect_err("refused");
    assert_eq!(failure.summary, "AWS not reachable");
    assert!(failure.detail.contains("refused"), "{}", failure.detail);
}

#[tokio::test]
async fn what_is_not_known_yet_is_said() {
    let fake = FakeAws::start().expect("starts");
    let aws = aws(
        &fake,
        [("region", Value::Unknown), ("default_tags", Value::Unknown)],
    );
    let failure = aws.lambda(None).await.expect_err("not known");
    assert_eq!(failure.summary, "Provider configuration not known yet");
    assert!(failure.detail.contains("region"), "{}", failure.detail);
    assert!(aws.default_tags().is_none());
    assert!(fake.calls().is_empty());
}

#[test]
fn a_file_without_certificates_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("ca.pem");
    for text in [
        "",
        "nothing",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&file, text).expect("written");
        let path = Value::from(file.to_string_lossy().as_ref());
        let refused = super::Aws::new(&Value::object([("custom_ca_bundle", path)]));
        let detail = refused.err().expect("no certificates").detail;
        assert!(
            detail.contains("ca.pem") && detail.contains("custom_ca_bundle"),
            "{detail}"
        );
    }
}
