//! The provider block, and the logins that registries receive.

use anyhow::{Context, Result, ensure};
use tests::fake::aws::FakeAws;
use tests::fake::tunnel::Tunnel;
use tests::registry::{CREDENTIALS, PASSWORD, Registry, USER};
use tests::terraform::{Terraform, Version, configuration};

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, TAG, image, push};

/// Prepares a configuration with a provider block and one `soci_index` for `image`, without the
/// AWS settings of this machine.
pub(crate) fn provided(block: &str, image: &str) -> Result<Terraform> {
    let mut terraform = Terraform::overriding(Version::OnPath)?;
    write(&terraform, block, image)?;
    let nowhere = terraform.directory().join("absent");
    terraform.env("AWS_CONFIG_FILE", &nowhere);
    terraform.env("AWS_SHARED_CREDENTIALS_FILE", &nowhere);
    terraform.env("AWS_EC2_METADATA_DISABLED", "true");
    Ok(terraform)
}

fn write(terraform: &Terraform, block: &str, image: &str) -> Result<()> {
    let text = configuration(image, "");
    terraform.write(
        "main.tf",
        &format!("{text}\nprovider \"soci\" {{\n{block}\n}}\n"),
    )
}

/// A `registry_auth` block with the login of the tests.
fn login(address: &str) -> String {
    format!(
        "registry_auth {{\n address = \"{address}\"\n username = \"{USER}\"\n password = \
         \"{PASSWORD}\"\n}}"
    )
}

/// Provider blocks, the offending line, and parts of the error.
const WRONG: &[(&str, &str, &str)] = &[
    ("region = \"Ireland\"", "region", "eu-west-1"),
    ("access_key = \"a\"", "access_key", "secret_key is not"),
    ("secret_key = \"a\"", "secret_key", "access_key is not"),
    ("token = \"a\"", "token", "access_key is not"),
    ("profile = \"\"", "profile", "remove the argument"),
    ("max_retries = -1", "max_retries", "0 to 100"),
    ("memory_limit = 64", "memory_limit", "128 to 1048576"),
    ("retry_mode = \"fast\"", "retry_mode", "adaptive"),
    (
        "shared_config_files = [\"\"]",
        "shared_config_files",
        "empty",
    ),
    (
        "allowed_account_ids = [123]",
        "allowed_account_ids",
        "twelve digits",
    ),
    (
        "allowed_account_ids = [\"123456789012\"]\nforbidden_account_ids = [\"123456789012\"]",
        "forbidden_account_ids",
        "Keep one",
    ),
    (
        "endpoints {\n ecr = \"ecr.example.com\"\n}",
        "ecr",
        "https://vpce.example.com",
    ),
    (
        "endpoints {\n ecr = \"http://a\"\n}\nendpoints {\n ecr = \"http://b\"\n}",
        "ecr = \"http://b\"",
        "Keep one",
    ),
    (
        "default_tags {\n tags = { \"aws:x\" = \"1\" }\n}",
        "tags",
        "reserved for AWS",
    ),
    (
        "assume_role {\n role_arn = \"deploy\"\n}",
        "role_arn",
        "arn:aws:iam::123456789012:role",
    ),
    (
        "assume_role {\n role_arn = \"arn:aws:iam::123456789012:role/a\"\n duration = \"5m\"\n}",
        "duration",
        "15m",
    ),
    (
        "assume_role {\n role_arn = \"arn:aws:iam::123456789012:role/a\"\n policy = \"x\"\n}",
        "policy",
        "jsonencode",
    ),
    (
        "assume_role_with_web_identity {\n role_arn = \"arn:aws:iam::123456789012:role/a\"\n}",
        "assume_role_with_web_identity",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ),
    (
        "registry_auth {\n address = \"https://r.test\"\n config_file = \"f\"\n}",
        "address",
        "\"r.test\"",
    ),
    (
        "registry_auth {\n address = \"r.test\"\n}",
        "address",
        "Set username and password",
    ),
    (
        "registry_auth {\n address = \"r.test\"\n plain_http = true\n ca_file = \"f\"\n}",
        "ca_file",
        "plain_http",
    ),
    (
        "registry_auth {\n address = \"r.test\"\n username = \"u\"\n}",
        "username",
        "password is not",
    ),
    (
        "registry_auth {\n address = \"r.test\"\n config_file = \"f\"\n}\nregistry_auth {\n \
         address = \"r.test\"\n config_file = \"g\"\n}",
        "address",
        "above is already",
    ),
];

#[test]
fn validate_finds_every_invalid_value() -> Result<()> {
    let terraform = provided("", "127.0.0.1:9/shop/web:1")?;
    for (block, line, wanted) in WRONG {
        write(&terraform, block, "127.0.0.1:9/shop/web:1")?;
        let found = terraform.failing_validate().context(block)?;
        ensure!(found.len() == 1, "{block}: want one error, got {found:#?}");
        let (detail, code) = (&found[0].detail, &found[0].code);
        ensure!(code.contains(line), "{block}: at {code}");
        ensure!(detail.contains(wanted), "{block}: {detail}");
    }
    Ok(())
}

#[test]
fn unknown_values_do_not_stop_a_plan() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let block = "region = terraform_data.later.output\n\
                 default_tags {\n tags = { a = terraform_data.later.output }\n}\n\
                 allowed_account_ids = [terraform_data.later.output]\n\
                 endpoints {\n sts = terraform_data.later.output\n}\n\
                 registry_auth {\n address = terraform_data.later.output\n username = \"u\"\n \
                 password = terraform_data.later.output\n}";
    let terraform = provided(block, &registry.reference(&format!("{REPOSITORY}:{TAG}")))?;
    terraform.write(
        "later.tf",
        "resource \"terraform_data\" \"later\" {\n input = \"x\"\n}\n",
    )?;
    assert!(terraform.plan()?.changes);
    Ok(())
}

#[test]
fn a_plain_registry_needs_no_aws_account() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let fake = FakeAws::start()?;
    let mut terraform = provided("", &registry.reference(&format!("{REPOSITORY}:{TAG}")))?;
    terraform.env("AWS_ENDPOINT_URL", fake.url());
    terraform.apply()?;
    assert!(!terraform.plan()?.changes);
    terraform.destroy()?;
    let calls = fake.calls();
    assert!(calls.is_empty(), "AWS was asked: {calls:?}");
    Ok(())
}

#[test]
fn a_configured_login_takes_precedence_and_is_not_shown() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let host = registry.host();
    let mut terraform = provided(&login(&host), &reference)?;
    // "tester:not-the-password"
    let wrong = "dGVzdGVyOm5vdC10aGUtcGFzc3dvcmQ=";
    terraform.docker_config(&format!(r#"{{"auths":{{"{host}":{{"auth":"{wrong}"}}}}}}"#))?;
    terraform.env("TF_LOG", "TRACE");
    let apply = terraform.apply()?;
    assert!(
        apply.all().contains("credentials of registry_auth"),
        "no log: {apply}"
    );
    let request = apply.all();
    let request = request
        .lines()
        .find(|line| line.contains("request answered") && line.contains("/manifests/"));
    let request = request.context("no request in the log")?;
    for part in [
        "method=",
        "host=127.0.0.1",
        "path=/v2/",
        "status=",
        "milliseconds=",
    ] {
        assert!(request.contains(part), "no {part} in {request}");
    }
    for secret in [PASSWORD, CREDENTIALS, wrong] {
        assert!(!apply.all().contains(secret), "{secret} is in the log");
    }
    let state = std::fs::read_to_string(terraform.directory().join("terraform.tfstate"))?;
    assert!(!state.contains(PASSWORD), "{state}");
    assert!(registry.manifest(REPOSITORY, ENABLED)?.is_some());
    terraform.destroy()?;
    Ok(())
}

#[test]
fn a_wrong_password_in_the_configuration_is_to_be_corrected_there() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let wrong = login(&registry.host()).replace(PASSWORD, "not-the-password");
    let errors = provided(&wrong, &reference)?.failing_plan()?;
    assert_eq!(errors[0].summary, "Registry refused the credentials");
    let detail = &errors[0].detail;
    ensure!(detail.contains("in the registry_auth block"), "{detail}");
    ensure!(!detail.contains("add a registry_auth"), "{detail}");
    ensure!(!detail.contains("not-the-password"), "{detail}");
    Ok(())
}

#[test]
fn a_login_from_a_file() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let host = registry.host();
    let block = format!(
        "registry_auth {{\n address = \"{host}\"\n config_file = \"${{path.module}}/login.json\"\n}}"
    );
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = provided(&block, &reference)?;
    let (errors, _) = terraform.failing_apply()?;
    ensure!(errors[0].summary.contains("credentials"), "{errors:#?}");
    terraform.write(
        "login.json",
        &format!(r#"{{"auths":{{"{host}":{{"auth":"{CREDENTIALS}"}}}}}}"#),
    )?;
    terraform.apply()?;
    terraform.expect_resource(ADDRESS)?;
    Ok(())
}

#[test]
fn a_certificate_authority_of_one_registry() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let host = "registry.example.com";
    let tunnel = Tunnel::start(host, registry.address())?;
    let reference = format!("{host}/{REPOSITORY}:{TAG}");
    let mut terraform = provided("", &reference)?;
    terraform.env("HTTPS_PROXY", tunnel.url());
    let errors = terraform.failing_plan()?;
    assert_eq!(errors[0].summary, "Registry certificate not trusted");
    for wanted in [host, "ca_file", "custom_ca_bundle", "AWS_CA_BUNDLE"] {
        ensure!(
            errors[0].detail.contains(wanted),
            "no {wanted} in {errors:#?}"
        );
    }
    terraform.write("ca.pem", tunnel.authority())?;
    let block =
        |file: &str| format!("registry_auth {{\n address = \"{host}\"\n ca_file = \"{file}\"\n}}");
    write(&terraform, &block("absent.pem"), &reference)?;
    let (errors, _) = terraform.failing_apply()?;
    for wanted in ["absent.pem", "ca_file", host] {
        ensure!(
            errors[0].detail.contains(wanted),
            "no {wanted} in {errors:#?}"
        );
    }
    write(&terraform, &block("ca.pem"), &reference)?;
    terraform.apply()?;
    assert!(registry.manifest(REPOSITORY, ENABLED)?.is_some());
    Ok(())
}

#[test]
fn a_registry_of_plain_http() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    // One on this machine is asked over plain HTTP unless that is ruled out.
    let local = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let block = |address: &str, plain: bool| {
        format!("registry_auth {{\n address = \"{address}\"\n plain_http = {plain}\n}}")
    };
    let mut terraform = provided(&block(&registry.host(), false), &local)?;
    let errors = terraform.failing_plan()?;
    assert_eq!(errors[0].summary, "Registry speaks plain HTTP");
    ensure!(
        errors[0].detail.contains("plain_http = true"),
        "{errors:#?}"
    );
    let (_, output) = terraform.failing_apply()?;
    ensure!(!output.all().contains("InvalidContentType"), "{output}");
    // A name that only the proxy knows: the registry takes what was meant for the proxy.
    let named = format!("registry.example.com/{REPOSITORY}:{TAG}");
    terraform.env("HTTP_PROXY", format!("http://{}", registry.host()));
    write(&terraform, &block("registry.example.com", true), &named)?;
    terraform.apply()?;
    assert!(registry.manifest(REPOSITORY, ENABLED)?.is_some());
    Ok(())
}

#[test]
fn invalid_certificate_authorities() -> Result<()> {
    let mut terraform = provided("", "127.0.0.1:9/shop/web:1")?;
    terraform.env("AWS_CA_BUNDLE", "absent.pem");
    let (errors, _) = terraform.failing_apply()?;
    ensure!(errors.len() == 1, "{errors:#?}");
    for wanted in ["absent.pem", "custom_ca_bundle", "AWS_CA_BUNDLE"] {
        ensure!(
            errors[0].detail.contains(wanted),
            "no {wanted} in {errors:#?}"
        );
    }
    Ok(())
}
