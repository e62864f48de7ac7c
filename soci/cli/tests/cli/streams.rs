//! Output to standard output and standard error.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{copy, fail, layout, soci, store, succeed, text, vectors};

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::process::Stdio;
    let layout = format!("oci:{}", vectors().join("layouts/multi-oci").display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_soci"))
        .args(["inspect", &layout])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn errors_that_nobody_reads_do_not_panic() {
    for arguments in [
        &["inspect", "oci:/no/such/directory"][..],
        &["verify", "oci:/no/such/directory", "--verbose"],
        &["no-such-command"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_soci"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        drop(child.stderr.take());
        let code = child.wait().expect("it ends").code();
        assert!(matches!(code, Some(1 | 2)), "{arguments:?}: {code:?}");
    }
}

/// A layout with an image of many small layers.
fn many_layers(number: usize) -> tempfile::TempDir {
    let directory = copy("single-oci");
    let root = directory.path();
    let index = std::fs::read(root.join("index.json")).expect("the list of images");
    let mut index: Value = serde_json::from_slice(&index).expect("JSON");
    let digest = index["manifests"][0]["digest"].as_str().expect("a digest");
    let manifest = std::fs::read(root.join("blobs/sha256").join(&digest[7..])).expect("it");
    let mut manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    let layer = |n: usize| store(root, media_type, &json!({"layer": n}));
    manifest["layers"] = (0..number).map(layer).collect();
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    index["manifests"] = json!([store(root, media_type, &manifest)]);
    std::fs::write(root.join("index.json"), index.to_string()).expect("written");
    directory
}

#[test]
fn many_small_layers_are_one_line() {
    let image = many_layers(300);
    let image = layout(image.path());
    let errors = fail(&["create", &image], 3);
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(lines.len(), 2, "{errors}");
    assert!(
        lines[0].ends_with(": 300 layers smaller than 10 MiB skipped"),
        "{errors}"
    );
    assert!(lines[1].starts_with("soci: nothing to index"), "{errors}");

    let errors = fail(&["create", &image, "--verbose"], 3);
    assert_eq!(errors.matches(" skipped: its ").count(), 300, "{errors}");
    let errors = fail(&["create", &image, "--quiet"], 3);
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn nothing_to_index_has_a_code_of_its_own() {
    let image = copy("single-oci");
    let image = layout(image.path());
    for command in ["create", "convert"] {
        let got = soci(&[command, &image, "--json"]);
        assert_eq!(got.status.code(), Some(3), "{}", text(&got.stderr));
        let report: Value = serde_json::from_slice(&got.stdout).expect("JSON");
        assert!(report.get("destination").is_none(), "{report}");
    }
}

#[test]
fn a_missing_prefetch_file_is_reported() {
    let image = copy("single-oci");
    let image = layout(image.path());
    let prefetch = ["--prefetch-file", "no/such/file", "--min-layer-size", "0"];
    let got = soci(&[&["create", &image, "--json"], &prefetch[..]].concat());
    assert!(got.status.success(), "{}", text(&got.stderr));
    let errors = text(&got.stderr);
    let want = "prefetch file no/such/file is not in any indexed layer";
    assert!(errors.contains(want), "{errors}");
    let report: Value = serde_json::from_slice(&got.stdout).expect("JSON");
    assert_eq!(
        report["indexes"][0]["not_prefetched"],
        json!(["no/such/file"])
    );

    let got = soci(&[&["create", &image, "--quiet"], &prefetch[..]].concat());
    assert!(
        got.status.success() && got.stderr.is_empty(),
        "{}",
        text(&got.stderr)
    );
}

#[test]
fn results_say_where_they_are() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = layout(&vectors().join("layouts/single-oci"));
    let to = layout(&directory.path().join("to"));
    let printed = succeed(&[
        "convert",
        &source,
        &format!("{to}:x"),
        "--min-layer-size",
        "0",
    ]);
    let last = printed.lines().last().expect("a line");
    assert!(
        last.starts_with(&format!("SOCI-enabled image {to}:x sha256:")),
        "{printed}"
    );
    let printed = succeed(&["create", &format!("{to}:x"), "--min-layer-size", "0"]);
    assert!(
        printed.ends_with(&format!("published in {to}\n")),
        "{printed}"
    );
    let json = succeed(&[
        "convert",
        &source,
        &format!("{to}:y"),
        "--json",
        "--min-layer-size",
        "0",
    ]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["destination"], json!({"repository": to, "tag": "y"}));
}
