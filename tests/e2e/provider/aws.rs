//! The AWS account that the provider uses, and the registries that receive its tokens.

use anyhow::{Context, Result, ensure};
use tests::fake::aws::{ACCOUNT, Call, FakeAws, SESSION_SECRET, SESSION_TOKEN, field};
use tests::fake::tunnel::Tunnel;
use tests::registry::{CREDENTIALS, PASSWORD, Registry};
use tests::terraform::Terraform;

use super::config::provided;
use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, TAG, image, push};

const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const SECRET: &str = "a-secret-key-of-the-tests";

/// An account that no credentials belong to, so that an apply ends when it has looked its account up.
const GUARD: &str = "allowed_account_ids = [\"999999999999\"]\n";

/// Applies; returns the requests that look the account up, and the error.
fn account_lookup(
    block: &str,
    files: &[(&str, &str)],
    variables: &[(&str, &str)],
) -> Result<(Vec<Call>, String)> {
    let fake = FakeAws::start()?;
    let mut terraform = provided(&format!("{GUARD}{block}"), &format!("{HOST}/app:1"))?;
    for (name, text) in files {
        terraform.write(name, text)?;
    }
    terraform.env("AWS_ENDPOINT_URL", fake.url());
    for (name, value) in variables {
        let path = terraform.directory().join(value);
        let is_file = files.iter().any(|(file, _)| file == value);
        terraform.env(
            name,
            if is_file {
                path.into()
            } else {
                std::ffi::OsString::from(value)
            },
        );
    }
    let (errors, output) = terraform.failing_apply()?;
    ensure!(errors.len() == 1, "want one error, got {errors:#?}");
    ensure!(
        !output.all().contains(SECRET),
        "the secret is shown: {output}"
    );
    Ok((
        fake.calls(),
        format!("{}\n{}", errors[0].summary, errors[0].detail),
    ))
}

const CONFIG: &str = "[default]\nregion = eu-north-1\n[profile other]\nregion = eu-south-1\n";
const KEYS: &str = "[default]\naws_access_key_id = OFDEFAULT\naws_secret_access_key = x\n\
                    [other]\naws_access_key_id = OFOTHER\naws_secret_access_key = x\n";

#[test]
fn precedence_of_regions_and_credentials() -> Result<()> {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "OFENV"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ];
    let files = [("config", CONFIG), ("keys", KEYS)];
    let shared = [
        ("AWS_CONFIG_FILE", "config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "keys"),
    ];
    let region = [("AWS_REGION", "us-west-2")];
    let fallback = [("AWS_DEFAULT_REGION", "us-west-1")];
    let profile = [("AWS_PROFILE", "other")];
    let own = "region = \"eu-west-3\"\naccess_key = \"OWN\"\nsecret_key = \"x\"";
    let own_files = "shared_config_files = [\"config\"]\nshared_credentials_files = [\"keys\"]";
    for (block, variables, want) in [
        (
            own,
            [&keys[..], &region, &shared].concat(),
            ("eu-west-3", "OWN"),
        ),
        (
            "",
            [&keys[..], &region, &fallback, &shared].concat(),
            ("us-west-2", "OFENV"),
        ),
        ("", [&keys[..], &fallback].concat(), ("us-west-1", "OFENV")),
        ("", shared.to_vec(), ("eu-north-1", "OFDEFAULT")),
        (
            "",
            [&shared[..], &profile].concat(),
            ("eu-south-1", "OFOTHER"),
        ),
        (
            "profile = \"other\"",
            [&keys[..], &shared].concat(),
            ("eu-south-1", "OFOTHER"),
        ),
        (own_files, vec![], ("eu-north-1", "OFDEFAULT")),
    ] {
        let (calls, error) = account_lookup(block, &files, &variables)?;
        let call = calls
            .first()
            .with_context(|| format!("AWS not asked: {error}"))?;
        assert_eq!(
            (&*call.region, &*call.access_key),
            want,
            "{block} {variables:?}"
        );
        assert_eq!(call.action, "GetCallerIdentity");
        assert!(error.contains("AWS account not allowed"), "{error}");
        assert!(error.contains(ACCOUNT), "{error}");
        // By the plan, and by the apply in a process of its own.
        assert_eq!(calls.len(), 2, "{calls:?}");
    }
    Ok(())
}

#[test]
fn web_identity_from_the_environment() -> Result<()> {
    let role = "arn:aws:iam::210987654321:role/deploy";
    let variables = [
        ("AWS_REGION", "us-west-2"),
        ("AWS_ROLE_ARN", role),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "token"),
        ("AWS_ROLE_SESSION_NAME", "a-session"),
    ];
    for block in ["", "assume_role_with_web_identity {}"] {
        let (calls, error) = account_lookup(block, &[("token", "a-token")], &variables)?;
        let call = calls
            .first()
            .with_context(|| format!("AWS not asked: {error}"))?;
        for (name, want) in [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", role),
            ("WebIdentityToken", "a-token"),
            ("RoleSessionName", "a-session"),
        ] {
            assert_eq!(field(&call.body, name).as_deref(), Some(want), "{block}");
        }
        assert!(error.contains("210987654321"), "{error}");
    }
    Ok(())
}

#[test]
fn missing_and_invalid_settings_are_reported() -> Result<()> {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "OFENV"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ];
    let region = [("AWS_REGION", "us-west-2")];
    for (block, variables, wanted) in [
        (
            // The profile that is named, not another source.
            "profile = \"absent\"",
            [&keys[..], &region].concat(),
            &["AWS credentials not usable", "the profile \"absent\""][..],
        ),
        (
            "",
            region.to_vec(),
            &[
                "No AWS credentials found",
                "AWS_ACCESS_KEY_ID",
                "registry_auth",
            ][..],
        ),
        ("", keys.to_vec(), &["AWS region not set", "AWS_REGION"]),
        (
            "",
            [&keys[..], &[("AWS_REGION", "evil.example.com/")]].concat(),
            &["Invalid AWS region", "eu-west-1"],
        ),
        (
            "",
            [&keys[..], &region, &[("AWS_RETRY_MODE", "fast")]].concat(),
            &["AWS settings not usable", "fast"],
        ),
        (
            "",
            [&region[..], &[("AWS_PROFILE", "absent")]].concat(),
            &["No AWS credentials found", "\"absent\""],
        ),
    ] {
        let (calls, error) = account_lookup(block, &[], &variables)?;
        for wanted in wanted {
            ensure!(error.contains(wanted), "no {wanted:?} in {error}");
        }
        ensure!(!error.contains("Attempted"), "the SDK's own list: {error}");
        ensure!(calls.is_empty(), "{calls:?}");
    }
    Ok(())
}

/// Checks that no secret was printed or logged.
fn expect_no_secrets(text: &str) -> Result<()> {
    for secret in [SECRET, SESSION_SECRET, SESSION_TOKEN, PASSWORD, CREDENTIALS] {
        ensure!(!text.contains(secret), "{secret} is in the output");
    }
    Ok(())
}

/// Sets credentials in the environment, and the tunnel as the way to the internet.
fn use_tunnel(terraform: &mut Terraform, tunnel: &Tunnel) {
    terraform.env("AWS_ACCESS_KEY_ID", "OFENV");
    terraform.env("AWS_SECRET_ACCESS_KEY", SECRET);
    terraform.env("HTTPS_PROXY", tunnel.url());
    terraform.env("TF_LOG", "TRACE");
}

#[test]
fn an_ecr_token_goes_only_to_its_registry() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let tunnel = Tunnel::start(HOST, registry.address())?;
    let fake = FakeAws::start()?;
    let url = fake.url();
    let block = format!(
        "region = \"us-east-2\"\ncustom_ca_bundle = \"ca.pem\"\n\
         endpoints {{\n ecr = \"{url}\"\n sts = \"{url}\"\n}}\n\
         assume_role {{\n role_arn = \"arn:aws:iam::210987654321:role/deploy\"\n}}"
    );
    let mut terraform = provided(&block, &format!("{HOST}/{REPOSITORY}:{TAG}"))?;
    terraform.write("ca.pem", tunnel.authority())?;
    use_tunnel(&mut terraform, &tunnel);
    let apply = terraform.apply()?;
    expect_no_secrets(&apply.all())?;
    ensure!(
        apply.all().contains("credentials of AWS"),
        "no log: {apply}"
    );
    ensure!(registry.manifest(REPOSITORY, ENABLED)?.is_some(), "{apply}");
    let resource = terraform.expect_resource(ADDRESS)?;
    ensure!(
        resource.text("image_uri")?.starts_with(HOST),
        "{resource:?}"
    );

    // One token for the plan and one for the apply, which is a process of its own, for the region of
    // the host, with the session of the role.
    let calls = fake.calls_of("GetAuthorizationToken");
    ensure!(calls.len() == 2, "{calls:?}");
    for (call, key) in calls.iter().zip(["ASIATESTS0", "ASIATESTS1"]) {
        assert_eq!((&*call.region, &*call.access_key), ("eu-west-1", key));
    }
    assert_eq!(fake.calls_of("AssumeRole")[0].region, "us-east-2");

    // The token went to the host, and there were no other connections.
    let requests = tunnel.requests();
    let basic = format!("Basic {CREDENTIALS}");
    ensure!(
        requests
            .iter()
            .any(|r| r.authorization.as_deref() == Some(&*basic)),
        "{requests:?}"
    );
    assert_eq!(tunnel.hosts(), [format!("{HOST}:443")]);
    terraform.destroy()?;
    Ok(())
}

/// Docker Desktop keeps all logins in a helper, which says so if it has none. An old login is one
/// that the registry refuses.
#[cfg(unix)]
#[test]
fn docker_desktop_and_old_log_ins_do_not_keep_aws_away() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let none = "echo credentials not found in native keychain\nexit 1";
    let old = r#"echo '{"Username":"AWS","Secret":"of-yesterday"}'"#;
    let locked = "echo the keychain is locked >&2\nexit 1";
    // "AWS:of-yesterday"
    let stored = format!(r#"{{"auths":{{"{HOST}":{{"auth":"QVdTOm9mLXllc3RlcmRheQ=="}}}}}}"#);
    for (helper, config) in [
        (none, r#"{"credsStore":"desktop"}"#),
        (old, r#"{"credsStore":"desktop"}"#),
        (locked, r#"{"credsStore":"desktop"}"#),
        (none, r#"{"credsStore":"absent"}"#),
        (none, &stored),
        (none, ""),
    ] {
        let tunnel = Tunnel::start(HOST, registry.address())?;
        let fake = FakeAws::start()?;
        let reference = format!("{HOST}/{REPOSITORY}:{TAG}");
        let mut terraform = provided("", &reference)?;
        terraform.write("ca.pem", tunnel.authority())?;
        terraform.env("AWS_CA_BUNDLE", "ca.pem");
        terraform.env("AWS_ENDPOINT_URL", fake.url());
        terraform.env("AWS_REGION", "us-east-2");
        use_tunnel(&mut terraform, &tunnel);
        terraform.docker_config(config)?;
        terraform.credential_helper("desktop", helper)?;
        let apply = terraform.apply().context(config.to_owned())?;
        ensure!(!apply.all().contains("of-yesterday"), "{config}");
        ensure!(
            !fake.calls_of("GetAuthorizationToken").is_empty(),
            "{config}"
        );
        terraform.expect_empty_plan()?;
        terraform.destroy()?;
    }
    Ok(())
}

/// With nothing that does, the error names everything that was tried.
#[cfg(unix)]
#[test]
fn everything_that_was_tried_is_named() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    let tunnel = Tunnel::start(HOST, registry.address())?;
    let fake = FakeAws::start()?;
    let mut terraform = provided("", &format!("{HOST}/{REPOSITORY}:{TAG}"))?;
    terraform.write("ca.pem", tunnel.authority())?;
    terraform.env("AWS_CA_BUNDLE", "ca.pem");
    terraform.env("AWS_ENDPOINT_URL", fake.url());
    terraform.env("AWS_REGION", "us-east-2");
    use_tunnel(&mut terraform, &tunnel);
    terraform.docker_config(r#"{"credsStore":"desktop"}"#)?;
    let old = r#"echo '{"Username":"AWS","Secret":"of-yesterday"}'"#;
    terraform.credential_helper("desktop", old)?;
    fake.fail("GetAuthorizationToken", 9, 400, "AccessDeniedException");
    let (errors, output) = terraform.failing_apply()?;
    let detail = errors[0].detail.replace('\n', " ");
    for wanted in [
        "docker-credential-desktop of Docker's configuration",
        "401",
        "AWS access denied",
        "AccessDeniedException",
        "registry_auth",
    ] {
        ensure!(detail.contains(wanted), "no {wanted:?} in {errors:#?}");
    }
    ensure!(!output.all().contains("of-yesterday"), "{output}");
    Ok(())
}

#[test]
fn a_host_that_looks_like_amazon_ecr_gets_no_token() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let host = format!("{HOST}.evil.example");
    let tunnel = Tunnel::start(&host, registry.address())?;
    let fake = FakeAws::start()?;
    let mut terraform = provided("", &format!("{host}/{REPOSITORY}:{TAG}"))?;
    terraform.write("ca.pem", tunnel.authority())?;
    terraform.env("AWS_CA_BUNDLE", "ca.pem");
    terraform.env("AWS_ENDPOINT_URL", fake.url());
    terraform.env("AWS_REGION", "us-east-2");
    use_tunnel(&mut terraform, &tunnel);
    let (errors, output) = terraform.failing_apply()?;
    ensure!(errors[0].detail.contains("401"), "{errors:#?}");
    expect_no_secrets(&output.all())?;
    ensure!(fake.calls().is_empty(), "{:?}", fake.calls());
    let requests = tunnel.requests();
    ensure!(!requests.is_empty(), "nothing came through: {output}");
    ensure!(
        requests.iter().all(|r| r.authorization.is_none()),
        "{requests:?}"
    );
    Ok(())
}

#[test]
fn ecr_public_tokens_come_from_us_east_1() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let host = "public.ecr.aws";
    let tunnel = Tunnel::start(host, registry.address())?;
    let fake = FakeAws::start()?;
    let mut terraform = provided(
        "region = \"eu-west-1\"",
        &format!("{host}/{REPOSITORY}:{TAG}"),
    )?;
    terraform.write("ca.pem", tunnel.authority())?;
    terraform.env("AWS_CA_BUNDLE", "ca.pem");
    terraform.env("AWS_ENDPOINT_URL", fake.url());
    use_tunnel(&mut terraform, &tunnel);
    let apply = terraform.apply()?;
    expect_no_secrets(&apply.all())?;
    let calls = fake.calls();
    // By the plan, and by the apply in a process of its own.
    ensure!(calls.len() == 2, "{calls:?}");
    for call in &calls {
        assert_eq!((&*call.service, &*call.region), ("ecr-public", "us-east-1"));
    }
    Ok(())
}
