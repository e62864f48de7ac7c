//! Every error names the image, the cause and the next step; none contains a secret.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, ensure};
use tests::process::Output;
use tests::registry::{CREDENTIALS, PASSWORD, Registry};
use tests::terraform::{Diagnostic, Terraform};

use crate::scenario::{REPOSITORY, TAG, configured, image, push};

/// Checks the only error of an apply: it must contain each of `all` and one of `any`.
fn expect_error(terraform: &Terraform, all: &[&str], any: &[&str]) -> Result<(Diagnostic, Output)> {
    let (errors, output) = terraform.failing_apply()?;
    ensure!(errors.len() == 1, "want one error, got {errors:#?}");
    let error = errors[0].clone();
    let text = format!("{}\n{}", error.summary, error.detail).to_lowercase();
    for wanted in all {
        ensure!(
            text.contains(&wanted.to_lowercase()),
            "no {wanted:?} in {error:#?}"
        );
    }
    let found = any
        .iter()
        .any(|wanted| text.contains(&wanted.to_lowercase()));
    ensure!(found, "none of {any:?} in {error:#?}");
    // The summary is the same for every image; the details are below it.
    ensure!(
        !error.summary.contains("127.0.0.1"),
        "a value in the summary: {error:#?}"
    );
    ensure!(
        error.detail.trim().lines().count() >= 1,
        "no detail: {error:#?}"
    );
    Ok((error, output))
}

#[test]
fn validate_finds_an_invalid_reference() -> Result<()> {
    for wrong in [
        "",
        "UPPER/Case:1",
        "registry.example.com/web:not a tag",
        "web@sha256:12",
    ] {
        let terraform = configured(wrong, "")?;
        let output = terraform.run(&["validate", "-no-color"])?;
        assert!(
            !output.status.success(),
            "{wrong:?} is taken for an image: {output}"
        );
        // Terraform shows the offending line.
        assert!(output.all().contains("image = "), "{output}");
    }
    Ok(())
}

#[test]
fn validate_finds_an_invalid_index_version() -> Result<()> {
    let terraform = configured("127.0.0.1:9/shop/web:1", "index_version = \"V3\"")?;
    let output = terraform.run(&["validate", "-no-color"])?;
    assert!(!output.status.success(), "{output}");
    for wanted in ["index_version", "V1", "V2", "V3"] {
        assert!(output.all().contains(wanted), "no {wanted} in {output}");
    }
    Ok(())
}

#[test]
fn an_unreachable_registry() -> Result<()> {
    // A port that was free a moment ago, so nothing listens on it.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let image = format!("{address}/shop/web:1");
    let terraform = configured(&image, "")?;
    expect_error(&terraform, &[&image], &["refused", "connect", "reach"])?;
    assert!(terraform.resource(crate::scenario::ADDRESS)?.is_none());
    Ok(())
}

#[test]
fn a_missing_tag_and_a_missing_repository() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    for name in [format!("{REPOSITORY}:absent"), "absent/web:1".to_owned()] {
        let image = registry.reference(&name);
        let terraform = configured(&image, "")?;
        expect_error(
            &terraform,
            &[&image],
            &["not found", "no such", "does not exist"],
        )?;
    }
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

#[test]
fn no_login() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let image = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = configured(&image, "")?;
    expect_error(
        &terraform,
        &[&image, "401"],
        &["log in", "login", "credential"],
    )?;
    Ok(())
}

#[test]
fn a_wrong_password_is_not_shown() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let image = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let mut terraform = configured(&image, "")?;
    // "tester:not-the-password"
    let wrong = "dGVzdGVyOm5vdC10aGUtcGFzc3dvcmQ=";
    let host = registry.host();
    terraform.docker_config(&format!(r#"{{"auths":{{"{host}":{{"auth":"{wrong}"}}}}}}"#))?;
    let errors = terraform.failing_plan()?;
    assert_eq!(errors[0].summary, "Registry refused the credentials");
    terraform.env("TF_LOG", "TRACE");
    let (_, output) = expect_error(
        &terraform,
        &[&image, "401"],
        &["log in", "login", "credential"],
    )?;
    for secret in [wrong, "not-the-password", CREDENTIALS, PASSWORD] {
        assert!(!output.all().contains(secret), "{secret} is in the output");
    }
    Ok(())
}

#[test]
fn an_image_without_a_tag_gets_an_untagged_index() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let digest = registry.expect_manifest(REPOSITORY, TAG)?.digest;
    let by_digest = format!("{}@{digest}", registry.reference(REPOSITORY));
    for version in ["V2", "V1"] {
        let arguments = format!("index_version = \"{version}\"");
        let terraform = configured(&by_digest, &arguments)?;
        terraform.apply()?;
        let resource = terraform.expect_resource(crate::scenario::ADDRESS)?;
        assert_eq!(resource.text("source_digest")?, digest, "{version}");
        let created = resource.text("digest")?;
        assert!(
            registry.manifest(REPOSITORY, created)?.is_some(),
            "{version}"
        );
        assert!(!terraform.plan()?.changes, "{version}");
        terraform.destroy()?;
        assert!(
            registry.manifest(REPOSITORY, created)?.is_none(),
            "{version}"
        );
        assert_eq!(registry.tags(REPOSITORY)?, [TAG], "{version}");
    }
    Ok(())
}
