use ::tests::fake::aws::FakeAws;
use ::tests::registry::{PASSWORD, USER};
use futures_util::future::join_all;

use tfplugin_sdk::Value;

use super::*;
use crate::aws::testing::aws;

#[test]
fn hosts_of_aws() {
    let private = |region: &str, fips| {
        Some(Host::Private {
            region: region.to_owned(),
            fips,
        })
    };
    let id = "123456789012";
    for (rest, want) in [
        (
            "dkr.ecr.eu-west-1.amazonaws.com",
            private("eu-west-1", false),
        ),
        (
            "dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            private("us-gov-west-1", true),
        ),
        (
            "dkr.ecr.cn-north-1.amazonaws.com.cn",
            private("cn-north-1", false),
        ),
        (
            "dkr.ecr.us-iso-east-1.c2s.ic.gov",
            private("us-iso-east-1", false),
        ),
        (
            "dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
            private("us-isob-east-1", false),
        ),
        ("dkr-ecr.eu-west-1.on.aws", private("eu-west-1", false)),
        ("dkr-ecr-fips.us-east-1.on.aws", private("us-east-1", true)),
        (
            "dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
            private("cn-north-1", false),
        ),
        ("dkr.ecr.eu-west-1.amazonaws.com.evil.test", None),
        ("dkr.ecr.eu-west-1.amazonaws.com:443", None),
        ("dkr.ecr.eu-west-1.evil.test", None),
        ("dkr.ecr.evil.test#eu-west-1.amazonaws.com", None),
        ("dkr.ecr.s3.amazonaws.com", None),
        ("dkr.ecr.eu-west-1.on.aws", None),
        ("dkr-ecr.eu-west-1.amazonaws.com", None),
        ("xdkr.ecr.eu-west-1.amazonaws.com", None),
        ("dkr.ecr.eu-west-1xamazonaws.com", None),
    ] {
        assert_eq!(Host::of(&format!("{id}.{rest}")), want, "{rest}");
        assert_eq!(Host::of(&format!("1{id}.{rest}")), None, "{rest}");
        assert_eq!(Host::of(&format!("evil.{id}.{rest}")), None, "{rest}");
    }
    for public in ["public.ecr.aws", "ecr-public.aws.com"] {
        assert_eq!(Host::of(public), Some(Host::Public), "{public}");
    }
    for other in [
        "ecr-public.aws.com.evil.test",
        "x.ecr-public.aws.com",
        "",
        "docker.io",
        "public.ecr.aws.evil.test",
        "x.public.ecr.aws",
        "localhost",
    ] {
        assert_eq!(Host::of(other), None, "{other}");
    }
}

/// Returns the token for an account's registry in a region.
async fn token(
    tokens: &Tokens,
    aws: &Aws,
    account: &str,
    region: &str,
) -> Result<Credentials, Diagnostic> {
    let image = format!("{account}.dkr.ecr.{region}.amazonaws.com/app:1");
    let image: ImageReference = image.parse().expect("a reference");
    let host = Host::of(image.registry()).expect("a registry of AWS");
    tokens.find(aws, &host, &image).await
}

const OTHER_ACCOUNT: &str = "210987654321";

#[tokio::test]
async fn twenty_callers_make_one_request() {
    let fake = FakeAws::start().expect("starts");
    let (aws, tokens) = (aws(&fake, []), Tokens::default());
    let want = Credentials::Basic {
        username: USER.to_owned(),
        password: PASSWORD.to_owned(),
    };
    let callers = (0..20).map(|_| token(&tokens, &aws, OTHER_ACCOUNT, "ap-south-1"));
    for found in join_all(callers).await {
        assert_eq!(found, Ok(want.clone()));
    }
    // A token is valid for all accounts.
    let other = token(&tokens, &aws, "123456789012", "ap-south-1").await;
    assert_eq!(other, Ok(want));
    let calls = fake.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    let call = &calls[0];
    assert_eq!(call.action, "GetAuthorizationToken");
    assert_eq!(
        (&*call.service, &*call.region),
        ("ecr", "ap-south-1"),
        "{call:?}"
    );
    assert!(
        call.user_agent.contains("terraform-provider-soci"),
        "{call:?}"
    );

    token(&tokens, &aws, OTHER_ACCOUNT, "us-east-1")
        .await
        .expect("a token");
    let regions: Vec<_> = fake.calls().into_iter().map(|call| call.region).collect();
    assert_eq!(regions, ["ap-south-1", "us-east-1"]);
}

#[tokio::test]
async fn a_failure_is_shared_but_not_kept() {
    let fake = FakeAws::start().expect("starts");
    let (aws, tokens) = (aws(&fake, []), Tokens::default());
    fake.fail("GetAuthorizationToken", 1, 400, "AccessDeniedException");
    let callers = (0..20).map(|_| token(&tokens, &aws, OTHER_ACCOUNT, "eu-west-1"));
    for found in join_all(callers).await {
        let failure = found.expect_err("refused");
        assert_eq!(failure.summary, "AWS access denied");
        for want in [OTHER_ACCOUNT, "AccessDeniedException", "registry_auth"] {
            assert!(failure.detail.contains(want), "{}", failure.detail);
        }
    }
    assert_eq!(fake.calls().len(), 1);
    assert!(
        token(&tokens, &aws, OTHER_ACCOUNT, "eu-west-1")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn throttling_is_waited_out() {
    let fake = FakeAws::start().expect("starts");
    let (aws, tokens) = (aws(&fake, []), Tokens::default());
    fake.fail("GetAuthorizationToken", 2, 400, "ThrottlingException");
    assert!(
        token(&tokens, &aws, OTHER_ACCOUNT, "eu-west-1")
            .await
            .is_ok()
    );
    assert_eq!(fake.calls().len(), 3);

    let impatient = crate::aws::testing::aws(&fake, [("max_retries", 0.into())]);
    fake.fail("GetAuthorizationToken", 1, 400, "ThrottlingException");
    let failure = token(&Tokens::default(), &impatient, OTHER_ACCOUNT, "eu-west-1").await;
    let failure = failure.expect_err("no second attempt");
    assert_eq!(failure.summary, "AWS throttled the request");
}

#[tokio::test]
async fn the_account_is_checked_before_a_token_is_asked_for() {
    let fake = FakeAws::start().expect("starts");
    let allowed = Value::List(vec![OTHER_ACCOUNT.into()]);
    let aws = aws(&fake, [("allowed_account_ids", allowed)]);
    let failure = token(&Tokens::default(), &aws, OTHER_ACCOUNT, "eu-west-1").await;
    assert_eq!(
        failure.expect_err("wrong account").summary,
        "AWS account not allowed"
    );
    assert!(fake.calls_of("GetAuthorizationToken").is_empty());
}

#[test]
fn a_token_is_renewed_early() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let now = at(1000);
    for (expires, want) in [
        (Some(43_000 + 1000), at(21_500 + 1000)),
        (Some(500), now),
        (None, at(1300)),
    ] {
        assert_eq!(
            renewal(now, expires.map(DateTime::from_secs)),
            want,
            "{expires:?}"
        );
    }
}

#[test]
fn a_token_is_user_and_password() {
    assert!(
        decode("QVdTOmE6Yg==")
            == Some(Credentials::Basic {
                username: "AWS".to_owned(),
                password: "a:b".to_owned(),
            })
    );
    for bad in ["", "QVdT", "QVdTOg==", "not base64!"] {
        assert!(decode(bad).is_none(), "{bad}");
    }
}
