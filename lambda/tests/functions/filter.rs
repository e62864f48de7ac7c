//! The event filter.

use anyhow::Result;
use serde_json::json;
use tests::fake::lambda::FakeLambda;

use crate::function::{Function, Kind};
use crate::scenario::event;

const GENERATOR: &str = "arn:aws:lambda:eu-west-1:123456789012:function:soci-generator";

fn filter(filters: &str) -> Result<Function> {
    filter_with(filters, &[])
}

fn filter_with(filters: &str, more: &[(&str, &str)]) -> Result<Function> {
    let variables = [
        ("soci_repository_image_tag_filters", filters),
        ("soci_index_generator_lambda_arn", GENERATOR),
    ];
    let variables = [&variables, more].concat();
    Function::start(
        Kind::Filter,
        FakeLambda::start("http://127.0.0.1:1")?,
        &variables,
    )
}

fn digest() -> String {
    format!("sha256:{}", "5".repeat(64))
}

#[test]
fn a_match_is_passed_on_unchanged() -> Result<()> {
    let filter = filter("base/*:*,shop/*:1.*")?;
    // Neither the order of the keys nor the spaces are touched.
    let text = event(&digest(), Some("1.4")).to_string();
    let text = text.replacen('{', "{ \"zz\": 1.50, ", 1);
    let answer = filter.invoke(&text)?.expect("an answer");
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let [invoked] = &filter.fake.invoked()[..] else {
        panic!("{:?}", filter.fake.invoked());
    };
    assert_eq!(invoked.kind, "Event");
    assert_eq!(String::from_utf8_lossy(&invoked.payload), text);
    assert!(invoked.path.contains("soci-generator"), "{}", invoked.path);
    let body = answer["body"].as_str().unwrap_or_default();
    for part in ["shop/web:1.4", "shop/*:1.*", "of-the-generator"] {
        assert!(body.contains(part), "{body}");
    }
    let log = filter.log()?;
    let line = log.last().expect("a line");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["requestId"], "request-1");
    assert_eq!(
        (&line["repository"], &line["tag"]),
        (&json!("shop/web"), &json!("1.4"))
    );
    assert_eq!(line["digest"], digest());
    assert_eq!(line["message"], body);
    Ok(())
}

#[test]
fn a_push_that_does_not_match_is_skipped() -> Result<()> {
    let filter = filter("shop/*:1.*,shop/*:sha256-*")?;
    let signature = format!("sha256-{}.sig", "5".repeat(64));
    for (tag, want) in [
        (Some("2.0"), "no filter matches"),
        (Some("1.4-soci"), "its tag ends in \"-soci\""),
        (
            Some(&*signature),
            "its tag is that of a signature, attestation or other referrer",
        ),
        (None, "no filter matches"),
    ] {
        let answer = filter.invoke(event(&digest(), tag))?.expect("an answer");
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let body = answer["body"].as_str().unwrap_or_default();
        assert!(body.contains(want), "{body}");
    }
    assert!(filter.fake.invoked().is_empty());
    Ok(())
}

#[test]
fn a_push_that_an_exclusion_matches_is_skipped() -> Result<()> {
    let excluded = ("soci_excluded_image_tag_filters", "tools/*:*,*:*-dev");
    let filter = filter_with("*:*", &[excluded])?;
    let body = filter.expect(event(&digest(), Some("1.4-dev")))?;
    assert_eq!(
        body,
        "skipped shop/web:1.4-dev: it is excluded by \"*:*-dev\""
    );
    assert!(filter.fake.invoked().is_empty());
    let body = filter.expect(event(&digest(), Some("1.4")))?;
    assert!(body.contains("passed shop/web:1.4 on"), "{body}");
    assert_eq!(filter.fake.invoked().len(), 1);
    Ok(())
}

#[test]
fn images_that_come_in_other_ways_are_passed_on_if_they_are_wanted() -> Result<()> {
    let mut replicated = event(&digest(), Some("1.4"));
    replicated["detail-type"] = json!("ECR Replication Action");
    replicated["detail"]["action-type"] = json!("REPLICATE");
    let mut cached = event(&digest(), Some("1.4"));
    cached["detail-type"] = json!("ECR Pull Through Cache Action");
    cached["detail"]["sync-status"] = json!("SUCCESS");
    let pushes = filter("*:*")?;
    let others = filter_with("*:*", &[("soci_sources", "pull_through_cache,replication")])?;
    for (image, source) in [(replicated, "replication"), (cached, "pull_through_cache")] {
        let body = pushes.expect(&image)?;
        let reason = format!("it came by {source}, which is not among the sources");
        assert_eq!(body, format!("skipped shop/web:1.4: {reason}"));
        let body = others.expect(&image)?;
        assert!(body.contains("passed shop/web:1.4 on"), "{body}");
    }
    let body = others.expect(event(&digest(), Some("1.4")))?;
    assert!(body.contains("it came by push"), "{body}");
    assert_eq!(pushes.fake.invoked().len(), 0);
    assert_eq!(others.fake.invoked().len(), 2);
    Ok(())
}

#[test]
fn an_event_that_is_not_a_push_is_refused() -> Result<()> {
    let filter = filter("*:*")?;
    let mut deleted = event(&digest(), Some("1.4"));
    deleted["detail"]["action-type"] = json!("DELETE");
    for (wrong, want) in [
        (deleted, "detail.action-type: got \"DELETE\", want PUSH"),
        (
            event("sha256:0", None),
            "detail.image-digest: got \"sha256:0\"",
        ),
        (json!("hello"), "source: got nothing, want aws.ecr"),
        (json!(null), "source: got nothing"),
    ] {
        let answer = filter.invoke(wrong)?.expect("an answer");
        assert_eq!(answer["statusCode"], 400, "{answer}");
        let body = answer["body"].as_str().unwrap_or_default();
        assert!(body.contains(want), "{body}");
    }
    assert!(filter.fake.invoked().is_empty());
    Ok(())
}

#[test]
fn a_deletion_is_passed_on_where_it_is_asked_for() -> Result<()> {
    let variables = [
        ("soci_repository_image_tag_filters", "shop/*:1.*"),
        ("soci_index_generator_lambda_arn", GENERATOR),
        ("soci_delete_with_source", "true"),
    ];
    let fake = FakeLambda::start("http://127.0.0.1:1")?;
    let filter = Function::start(Kind::Filter, fake, &variables)?;
    for (tag, want) in [
        (Some("1.4"), "passed the deletion of shop/web:1.4 on"),
        (Some("2.0"), "no filter matches"),
        (Some("1.4-soci"), "its tag ends in"),
    ] {
        let mut deletion = event(&digest(), tag);
        deletion["detail"]["action-type"] = json!("DELETE");
        let body = filter.expect(&deletion)?;
        assert!(body.contains(want), "{body}");
    }
    assert_eq!(filter.fake.invoked().len(), 1);
    Ok(())
}

#[test]
fn a_generator_that_cannot_be_invoked_is_an_error() -> Result<()> {
    let filter = filter("*:*")?;
    filter.fake.refuse();
    let error = filter.expect_error(event(&digest(), Some("1.4")), "InvokeFailed")?;
    assert!(
        error.contains(GENERATOR) && error.contains("AccessDenied"),
        "{error}"
    );
    let log = filter.log()?;
    assert_eq!(log.last().expect("a line")["level"], "ERROR");
    Ok(())
}

#[test]
fn a_loose_filter_of_the_reference_works_and_warns() -> Result<()> {
    let filter = filter("*")?;
    let body = filter.expect(event(&digest(), Some("1.4")))?;
    assert!(body.contains("passed shop/web:1.4 on"), "{body}");
    let log = filter.log()?;
    assert_eq!(log[0]["level"], "WARN");
    let warning = log[0]["message"].as_str().unwrap_or_default();
    assert!(warning.contains("write repository:tag"), "{warning}");
    Ok(())
}

#[test]
fn an_invalid_environment_fails_every_event() -> Result<()> {
    let filter = filter("")?;
    for _ in 0..2 {
        let event = event(&digest(), Some("1.4"));
        let error = filter.expect_error(event, "InvalidConfiguration")?;
        let want = "environment variable soci_repository_image_tag_filters: got nothing";
        assert!(error.starts_with(want), "{error}");
    }
    Ok(())
}
