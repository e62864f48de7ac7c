//! Images in registries: credentials, and what is checked before work begins.

use std::process::Command;

use tests::fake::tunnel::Tunnel;
use tests::registry::{PASSWORD, Registry, USER};

use crate::support::{damaged, fail, layout, soci, soci_with, succeed, text, vectors};

/// A file with the password of the registries.
fn password() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{PASSWORD}\n")).expect("written");
    file
}

/// Small enough for every layer of the vectors.
const ALL: [&str; 2] = ["--min-layer-size", "0"];

#[test]
fn each_registry_gets_its_own_credentials() {
    let from = Registry::start_authenticated().expect("a registry");
    let to = Registry::start_authenticated().expect("a registry");
    let password = password();
    let password = password.path().to_str().expect("a path");
    let local = layout(&vectors().join("layouts/single-oci"));
    let source = from.reference("shop/web:1.0");
    let login = ["--username", USER, "--password-file", password];
    succeed(&[&["convert", &local, &source], &login[..], &ALL].concat());

    let destination = to.reference("shop/copy:2.0");
    let convert = [&["convert", &source, &destination], &ALL[..]].concat();
    // Options that name no side are refused before anything is sent.
    let errors = fail(&[&convert, &login[..]].concat(), 2);
    assert!(errors.contains("--source-username"), "{errors}");
    let side = |side: &str| {
        [
            format!("--{side}-username"),
            format!("--{side}-password-file"),
        ]
    };
    let options = |names: &[String; 2]| {
        let [username, file] = names.clone();
        [username, USER.to_owned(), file, password.to_owned()]
    };
    let (source_login, destination_login) =
        (options(&side("source")), options(&side("destination")));
    let words = |login: &[String]| -> Vec<String> { login.to_vec() };
    let run = |logins: &[Vec<String>]| {
        let mut arguments = convert.clone();
        arguments.extend(logins.iter().flatten().map(String::as_str));
        soci(&arguments)
    };
    // With one of them only, the other registry refuses.
    for login in [&source_login, &destination_login] {
        let got = run(&[words(login)]);
        assert_eq!(got.status.code(), Some(1), "{}", text(&got.stderr));
    }
    let got = run(&[words(&source_login), words(&destination_login)]);
    assert!(got.status.success(), "{}", text(&got.stderr));
    let tags = to.tags("shop/copy").expect("tags");
    assert_eq!(tags, ["2.0"]);
}

#[test]
fn credentials_go_to_the_only_registry() {
    let registry = Registry::start_authenticated().expect("a registry");
    let image = registry.reference("shop/web:1.0");
    let local = layout(&vectors().join("layouts/single-oci"));
    let login = ["--username", USER, "--password-stdin"];
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &login].concat();
        let got = soci_with(&arguments, format!("{PASSWORD}\n").as_bytes());
        assert!(got.status.success(), "{arguments:?}: {}", text(&got.stderr));
        text(&got.stdout)
    };
    run(&[&["convert", &local, &image], &ALL[..]].concat());
    // A source in a registry and a destination on disk: they are the source's.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let disk = layout(&directory.path().join("disk"));
    run(&[&["convert", &image, &disk], &ALL[..]].concat());
    let verified = run(&["verify", &image]);
    assert!(verified.contains("V2"), "{verified}");
    let empty = soci_with(&[&["inspect", &image], &login[..]].concat(), b"\n");
    assert_eq!(empty.status.code(), Some(1));
    let errors = text(&empty.stderr);
    assert!(errors.contains("the password is empty"), "{errors}");
}

#[test]
fn the_destination_is_checked_before_layers_are_read() {
    // Reading its layers would fail.
    let source = damaged("single-oci");
    let source = layout(source.path());
    let read = fail(&[&["create", &source], &ALL[..]].concat(), 1);
    assert!(read.contains("digest mismatch"), "{read}");
    let registry = Registry::start_authenticated().expect("a registry");
    let destination = registry.reference("shop/web:1.0");
    let errors = fail(&[&["convert", &source, &destination], &ALL[..]].concat(), 1);
    let repository = destination.trim_end_matches(":1.0");
    assert!(
        errors.contains(&format!("writing to {repository}")),
        "{errors}"
    );
    assert!(!errors.contains("digest mismatch"), "{errors}");
}

#[test]
fn an_image_given_by_its_digest() {
    let registry = Registry::start().expect("a registry");
    let local = layout(&vectors().join("layouts/single-oci"));
    let image = registry.reference("shop/web:1.0");
    let printed = succeed(&[&["convert", &local, &image], &ALL[..]].concat());
    let enabled = registry
        .expect_manifest("shop/web", "1.0")
        .expect("the image")
        .digest;
    let last = format!("SOCI-enabled image {image} {enabled}\n");
    assert!(printed.ends_with(&last), "no {last} in {printed}");

    // Another span size, another digest.
    let again = [&["--span-size", "64KiB"], &ALL[..]].concat();
    let source = registry.reference(&format!("shop/web@{enabled}"));
    let printed = succeed(&[&["convert", &source], &again[..]].concat());
    let repository = registry.reference("shop/web");
    assert!(
        printed.contains(&format!("SOCI-enabled image {repository}@sha256:"))
            && printed.ends_with(" (untagged)\n"),
        "{printed}"
    );
    assert_eq!(registry.tags("shop/web").expect("tags"), ["1.0"]);

    let errors = fail(&["convert", &local, &source], 2);
    assert!(errors.contains("want a tag"), "{errors}");

    let pinned = registry.reference("shop/web:2.0");
    succeed(&[&["convert", &source, &pinned], &again[..]].concat());
    assert_eq!(registry.tags("shop/web").expect("tags"), ["1.0", "2.0"]);
}

#[test]
fn a_ca_file_is_checked_before_anything_is_sent() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("a path");
    std::fs::write(file.path(), "no certificate").expect("written");
    let errors = fail(&["inspect", "127.0.0.1:1/a:b", "--ca-file", path], 1);
    assert!(errors.contains(path), "{errors}");
    let errors = fail(&["inspect", "127.0.0.1:1/a:b", "--ca-file", "/no/such"], 1);
    assert!(errors.contains("/no/such"), "{errors}");
}

/// The program with a home of its own, whose `config.json` and helpers these are.
#[cfg(unix)]
fn at_home(config: &str, helper: &str) -> (tempfile::TempDir, Command) {
    use std::os::unix::fs::PermissionsExt;

    let home = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(home.path().join("config.json"), config).expect("written");
    let program = home.path().join("docker-credential-desktop");
    std::fs::write(&program, format!("#!/bin/sh\n{helper}\n")).expect("written");
    let executable = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&program, executable).expect("made executable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_soci"));
    let path = format!("{}:/usr/bin:/bin", home.path().display());
    command.env("PATH", path).env("DOCKER_CONFIG", home.path());
    for other in ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"] {
        command.env_remove(other);
    }
    command.env("HOME", home.path());
    (home, command)
}

#[cfg(unix)]
#[test]
fn helpers_without_an_entry_are_no_obstacle() {
    let registry = Registry::start().expect("a registry");
    let image = registry.reference("shop/web:1.0");
    let local = layout(&vectors().join("layouts/single-oci"));
    succeed(&[&["convert", &local, &image], &ALL[..]].concat());
    let not_found = "echo credentials not found in native keychain; exit 1";
    let locked = "echo the keychain is locked; exit 2";
    let desktop = r#"{"credsStore": "desktop"}"#;
    let absent = r#"{"credsStore": "of-nobody"}"#;
    for (config, helper, warning) in [
        (desktop, not_found, None),
        (desktop, locked, Some("docker-credential-desktop")),
        (desktop, locked, Some("the keychain is locked")),
        (absent, not_found, Some("docker-credential-of-nobody")),
        (absent, not_found, Some("not found on PATH")),
        ("", not_found, None),
        (
            r#"{"auths": {"127.0.0.1:5777": {"auth": ""}}}"#,
            not_found,
            None,
        ),
    ] {
        let (_home, mut command) = at_home(config, helper);
        let got = command.args(["inspect", &image]).output().expect("it runs");
        let errors = text(&got.stderr);
        assert!(got.status.success(), "{config}: {errors}");
        match warning {
            None => assert!(!errors.contains("warning"), "{config}: {errors}"),
            Some(warning) => assert!(errors.contains(warning), "{config}: {errors}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn log_ins_of_other_programs() {
    let registry = Registry::start_authenticated().expect("a registry");
    let image = registry.reference("shop/web:1.0");
    let host = registry.host();
    let password = password();
    let local = layout(&vectors().join("layouts/single-oci"));
    let login = [
        "--username",
        USER,
        "--password-file",
        password.path().to_str().expect("a path"),
    ];
    succeed(&[&["convert", &local, &image], &login[..], &ALL].concat());

    let right = tests::registry::CREDENTIALS;
    // "tester:wrong"
    let wrong = "dGVzdGVyOndyb25n";
    let file = |key: &str, auth: &str| format!(r#"{{"auths": {{"{key}": {{"auth": "{auth}"}}}}}}"#);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let containers = directory.path().join("containers");
    std::fs::create_dir(&containers).expect("a directory");
    let auth = containers.join("auth.json");
    let none = "echo credentials not found in native keychain; exit 1";
    let found = format!(r#"echo '{{"Username":"{USER}","Secret":"{PASSWORD}"}}'"#);
    let desktop = r#"{"credsStore": "desktop"}"#;
    for (variable, theirs, config, helper) in [
        (
            "REGISTRY_AUTH_FILE",
            file(&host, right),
            desktop.to_owned(),
            none,
        ),
        (
            "XDG_RUNTIME_DIR",
            file(&host, right),
            desktop.to_owned(),
            none,
        ),
        (
            "XDG_CONFIG_HOME",
            file(&format!("{host}/shop"), right),
            desktop.to_owned(),
            none,
        ),
        // What is refused gives way to the next.
        (
            "XDG_RUNTIME_DIR",
            file(&host, wrong),
            file(&host, right),
            none,
        ),
        (
            "XDG_RUNTIME_DIR",
            file(&host, wrong),
            desktop.to_owned(),
            found.as_str(),
        ),
        (
            "XDG_RUNTIME_DIR",
            file(&format!("{host}/other"), right),
            desktop.to_owned(),
            found.as_str(),
        ),
    ] {
        std::fs::write(&auth, &theirs).expect("written");
        let (_home, mut command) = at_home(&config, helper);
        let value = match variable {
            "REGISTRY_AUTH_FILE" => auth.as_path(),
            _ => directory.path(),
        };
        let got = command
            .env(variable, value)
            .args(["inspect", &image])
            .output();
        let got = got.expect("it runs");
        assert!(
            got.status.success(),
            "{variable} {theirs} {config}: {}",
            text(&got.stderr)
        );
    }

    // In the end every source is named, and no secret.
    std::fs::write(&auth, file(&host, wrong)).expect("written");
    let (_home, mut command) = at_home(desktop, none);
    let got = command
        .env("REGISTRY_AUTH_FILE", &auth)
        .args(["inspect", &image])
        .output();
    let errors = text(&got.expect("it runs").stderr);
    for want in [
        "401",
        "REGISTRY_AUTH_FILE",
        "docker-credential-desktop of Docker's configuration",
        "nothing for this registry",
        "no credentials: refused",
    ] {
        assert!(errors.contains(want), "no {want} in {errors}");
    }
    assert!(
        !errors.contains("wrong") && !errors.contains(wrong),
        "{errors}"
    );

    // A file that is named has to exist.
    let (_home, mut command) = at_home("", none);
    let got = command
        .env("REGISTRY_AUTH_FILE", "/no/such")
        .args(["inspect", &image])
        .output();
    let errors = text(&got.expect("it runs").stderr);
    assert!(errors.contains("REGISTRY_AUTH_FILE /no/such"), "{errors}");
}

#[test]
fn options_that_help_are_named() {
    let registry = Registry::start().expect("a registry");
    let host = "registry.example.com";
    let tunnel = Tunnel::start(host, registry.address()).expect("a tunnel");
    let inspect = |image: &str, more: &[&str]| {
        let got = Command::new(env!("CARGO_BIN_EXE_soci"))
            .args(["inspect", image])
            .args(more)
            .env("HTTPS_PROXY", tunnel.url())
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .expect("it runs");
        text(&got.stderr)
    };
    let image = format!("{host}/shop/web:1.0");
    let errors = inspect(&image, &[]);
    assert!(errors.contains("add --ca-file"), "{errors}");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), tunnel.authority()).expect("written");
    let trusting = ["--ca-file", file.path().to_str().expect("a path")];
    let errors = inspect(&image, &trusting);
    assert!(
        errors.contains("NAME_UNKNOWN") || errors.contains("MANIFEST_UNKNOWN"),
        "{errors}"
    );
    // With certificates to trust, a registry on this machine is asked over TLS.
    let errors = inspect(&registry.reference("shop/web:1.0"), &trusting);
    assert!(errors.contains("does not speak TLS"), "{errors}");
    assert!(errors.contains("add --plain-http"), "{errors}");
}

/// A configuration that does not exist is fine, one that cannot be looked at is not.
#[cfg(unix)]
#[test]
fn a_configuration_that_cannot_be_read_is_an_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("a file");
    for (place, want) in [
        (file, "Docker's configuration"),
        // Nobody listens there.
        (directory.path().join("nowhere"), "127.0.0.1:1"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_soci"))
            .args(["inspect", "127.0.0.1:1/a:1"])
            .env("DOCKER_CONFIG", place)
            .output()
            .expect("the program runs");
        assert!(!output.status.success());
        let errors = text(&output.stderr);
        assert!(errors.contains(want), "{errors}");
    }
}
