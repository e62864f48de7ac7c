//! Images in registries: credentials, and what is checked before work begins.

use std::process::Command;

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
