//! The command line program: every vector gives the listed digests from the shell as well.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

fn table(name: &str) -> BTreeMap<String, Value> {
    let table = std::fs::read(vectors().join(name)).expect("the table of vectors");
    serde_json::from_slice(&table).expect("valid JSON")
}

fn soci(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_soci"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A copy of a layout, to write to.
fn copy(layout: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let from = vectors().join("layouts").join(layout);
    let blobs = "blobs/sha256";
    std::fs::create_dir_all(directory.path().join(blobs)).expect("a directory");
    let names = ["index.json".to_owned(), "oci-layout".to_owned()];
    let entries = std::fs::read_dir(from.join(blobs)).expect("blobs");
    let entries = entries.map(|e| {
        format!(
            "{blobs}/{}",
            text(e.expect("a blob").file_name().as_encoded_bytes())
        )
    });
    for name in names.into_iter().chain(entries) {
        std::fs::copy(from.join(&name), directory.path().join(&name)).expect("a file");
    }
    directory
}

#[test]
fn every_layer() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("ztoc");
    let output = output.to_str().expect("a path");
    for (key, vector) in table("layers.json") {
        let (name, span_size) = key.split_once('@').expect("file@span size");
        let layer = vectors().join("layers").join(name);
        let layer = layer.to_str().expect("a path");
        let arguments = [
            "ztoc",
            "build",
            layer,
            "--output",
            output,
            "--span-size",
            span_size,
        ];
        let got = soci(&arguments);
        let lacks_digest = vector["digest"].is_null() || name == "pax-sparse-1.0.tar.gz";
        // What is empty has no magic bytes to tell that it should be gzip.
        if lacks_digest && name != "bad-empty-file.tar.gz" && name != "bad-not-gzip.tar.gz" {
            assert_eq!(got.status.code(), Some(1), "{key}");
            assert!(
                text(&got.stderr).contains(name),
                "{key}: {}",
                text(&got.stderr)
            );
            assert!(got.stdout.is_empty(), "{key}");
        }
        if lacks_digest {
            let gzip = [&arguments[..], &["--compression", "gzip"]].concat();
            assert_eq!(soci(&gzip).status.code(), Some(1), "{key}");
            continue;
        }
        let want = format!(
            "{} {}\n",
            vector["digest"].as_str().expect("a digest"),
            vector["size"]
        );
        assert_eq!(text(&got.stdout), want, "{key}: {}", text(&got.stderr));
        let info = soci(&["ztoc", "info", output, "--json"]);
        let info: Value = serde_json::from_slice(&info.stdout).expect("JSON");
        assert_eq!(info["digest"], vector["digest"], "{key}");
        assert_eq!(
            info["files"].as_array().map(Vec::len).map(Into::into),
            Some(vector["files"].clone()),
            "{key}"
        );
    }
}

#[test]
fn every_layout() {
    let own = table("layouts-own.json");
    for (key, vector) in table("layouts.json") {
        let vector = own.get(&key).unwrap_or(&vector);
        let mut words = key.split(' ');
        let layout = copy(words.next().expect("a layout"));
        let source = format!("oci:{}", layout.path().display());
        let mut arguments: Vec<String> = Vec::new();
        let mut v2 = false;
        for word in words {
            match word.split_once('=') {
                Some(("span", n)) => arguments.extend(["--span-size".into(), n.into()]),
                Some(("min", n)) => arguments.extend(["--min-layer-size".into(), n.into()]),
                _ if word == "xattr" => arguments.extend(["--optimization".into(), word.into()]),
                _ if word == "prefetch" => {
                    for file in ["usr/bin/tool5", "big", "dir0/file00000"] {
                        arguments.extend(["--prefetch-file".into(), file.into()]);
                    }
                }
                _ => v2 |= word == "V2",
            }
        }
        let mut command = vec![if v2 { "convert" } else { "create" }, &source, "--json"];
        command.extend(arguments.iter().map(String::as_str));
        let got = soci(&command);
        let documents = vector["documents"].as_object().expect("documents");
        if documents.is_empty() {
            assert_eq!(got.status.code(), Some(1), "{key}: {}", text(&got.stdout));
            assert!(!got.stderr.is_empty(), "{key}");
            continue;
        }
        assert!(got.status.success(), "{key}: {}", text(&got.stderr));
        let report: Value = serde_json::from_slice(&got.stdout).expect("JSON");
        for (digest, document) in documents {
            let hex = digest.strip_prefix("sha256:").expect("a digest");
            let written = std::fs::read(layout.path().join("blobs/sha256").join(hex));
            let written = written.unwrap_or_else(|e| panic!("{key}: {digest}: {e}"));
            assert_eq!(text(&written), document.as_str().expect("text"), "{key}");
        }
        if v2 {
            let digest = report["digest"].as_str().expect("the SOCI-enabled image");
            assert!(documents.contains_key(digest), "{key}: {digest}");
        }
        for index in report["indexes"].as_array().expect("indexes") {
            let digest = index["digest"].as_str().expect("a SOCI index");
            assert!(documents.contains_key(digest), "{key}: {digest}");
        }
    }
}

#[test]
fn convert_inspect_verify_extract() {
    let source = format!("oci:{}", vectors().join("layouts/multi-oci").display());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let enabled = format!("oci:{}", directory.path().join("enabled").display());
    let small = ["--span-size", "65536", "--min-layer-size", "0"];
    let convert = |from: &str, to: &str, more: &[&str]| {
        let got = soci(&[&["convert", from, to, "--json"], &small[..], more].concat());
        assert!(got.status.success(), "{}", text(&got.stderr));
        serde_json::from_slice::<Value>(&got.stdout).expect("JSON")
    };
    let first = convert(&source, &enabled, &[]);
    // The copy is whole: it can be converted again, with the same result.
    let again = format!("oci:{}", directory.path().join("again").display());
    assert_eq!(convert(&enabled, &again, &[])["digest"], first["digest"]);

    let tree = text(&soci(&["inspect", &enabled]).stdout);
    for index in first["indexes"].as_array().expect("indexes") {
        for digest in [
            &index["manifest"],
            &index["digest"],
            &index["ztocs"][0]["digest"],
        ] {
            let digest = digest.as_str().expect("a digest");
            assert!(tree.contains(digest), "no {digest} in {tree}");
        }
    }
    let verified = soci(&["verify", &enabled]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    assert_eq!(
        soci(&["verify", &source]).status.code(),
        Some(1),
        "no index to verify"
    );

    let one = format!("oci:{}", directory.path().join("one").display());
    let report = convert(&source, &one, &["--platform", "linux/arm64"]);
    let indexes = report["indexes"].as_array().expect("indexes");
    assert_eq!(indexes.len(), 1);
    assert_eq!(indexes[0]["platform"], "linux/arm64/v8");

    // Another zTOC under the name of the right one is found out.
    let ztoc = indexes[0]["ztocs"][0]["digest"].as_str().expect("a digest");
    let path = directory.path().join("one/blobs/sha256").join(&ztoc[7..]);
    let mut bytes = std::fs::read(&path).expect("the zTOC");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let verified = soci(&["verify", &one]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(
        text(&verified.stderr).contains("digest mismatch"),
        "{}",
        text(&verified.stderr)
    );
}

#[test]
fn extract() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ztoc = directory.path().join("ztoc");
    let (ztoc, layer) = (
        ztoc.to_str().expect("a path"),
        vectors().join("layers/kinds.tar.gz"),
    );
    let layer = layer.to_str().expect("a path");
    assert!(soci(&["ztoc", "build", layer, "-o", ztoc]).status.success());
    let info = soci(&["ztoc", "info", ztoc, "--json"]);
    let info: Value = serde_json::from_slice(&info.stdout).expect("JSON");
    for file in info["files"].as_array().expect("files") {
        let name = file["name"].as_str().expect("a name");
        let got = soci(&["ztoc", "extract", ztoc, layer, name]);
        match file["type"].as_str() {
            Some("reg") => assert_eq!(got.status.code(), Some(0), "{name}"),
            Some("hardlink") => {
                let target = file["linkname"].as_str().expect("a target");
                let want = soci(&["ztoc", "extract", ztoc, layer, target]);
                assert_eq!(got.stdout, want.stdout, "{name}");
            }
            Some("symlink") => {}
            _ => assert_eq!(got.status.code(), Some(1), "{name}"),
        }
    }
    let absent = soci(&["ztoc", "extract", ztoc, layer, "no/such/file"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(
        text(&absent.stderr).contains("no/such/file: no such file"),
        "{}",
        text(&absent.stderr)
    );
}

#[test]
fn what_makes_no_sense() {
    for (arguments, code, message) in [
        (&["convert"][..], 2, "required arguments"),
        (
            &["convert", "a:b", "--platform", "linux"],
            2,
            "want os/architecture",
        ),
        (
            &["convert", "a:b", "--span-size", "0"],
            2,
            "0 is not in 1..",
        ),
        (
            &["convert", "a:b", "--username", "u"],
            2,
            "--password-stdin",
        ),
        (&["convert", "https://a.test/b"], 1, "leave out the scheme"),
        (
            &["inspect", "oci:/no/such/directory"],
            1,
            "/no/such/directory/index.json",
        ),
        (&["inspect", "127.0.0.1:1/a:b"], 1, "127.0.0.1:1/a:b"),
        (&["ztoc", "info", "/no/such/file"], 1, "/no/such/file"),
    ] {
        let got = soci(arguments);
        assert_eq!(got.status.code(), Some(code), "{arguments:?}");
        let stderr = text(&got.stderr);
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
}

/// Stores a JSON document in a layout; returns its descriptor.
fn store(layout: &Path, media_type: &str, document: &Value) -> Value {
    let bytes = document.to_string();
    let digest = soci::Digest::of(&bytes);
    std::fs::write(layout.join("blobs/sha256").join(digest.hex()), &bytes).expect("written");
    serde_json::json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}

#[test]
fn an_index_in_an_index_is_copied_with_what_it_lists() {
    let layout = copy("single-oci");
    let index_type = "application/vnd.oci.image.index.v1+json";
    let path = layout.path().join("index.json");
    let index = std::fs::read(&path).expect("the list of images");
    let mut index: Value = serde_json::from_slice(&index).expect("JSON");
    // The layout's list goes without names, which is legal.
    let mut image = index["manifests"][0].take();
    image
        .as_object_mut()
        .expect("a descriptor")
        .remove("annotations");
    let list = |manifests: Value| serde_json::json!({"schemaVersion": 2, "mediaType": index_type, "manifests": manifests});
    let inner = store(layout.path(), index_type, &list(serde_json::json!([image])));
    let outer = store(
        layout.path(),
        index_type,
        &list(serde_json::json!([image, inner])),
    );
    std::fs::write(&path, list(serde_json::json!([outer])).to_string()).expect("written");

    let source = format!("oci:{}", layout.path().display());
    let target = tempfile::tempdir().expect("a temporary directory");
    let to = format!("oci:{}", target.path().join("copy").display());
    let got = soci(&["convert", &source, &to, "--min-layer-size", "0"]);
    assert!(got.status.success(), "{}", text(&got.stderr));
    for entry in std::fs::read_dir(layout.path().join("blobs/sha256")).expect("blobs") {
        let name = entry.expect("a blob").file_name();
        let is_outer = outer["digest"]
            .as_str()
            .is_some_and(|d| d.ends_with(&text(name.as_encoded_bytes())));
        let copied = target.path().join("copy/blobs/sha256").join(&name);
        assert!(
            copied.exists() || is_outer,
            "{} is missing",
            copied.display()
        );
    }

    // Beside an image without a name, the SOCI-enabled one still gets one.
    assert!(
        soci(&["convert", &source, "--min-layer-size", "0"])
            .status
            .success()
    );
    let verified = soci(&["verify", &format!("{source}:latest-soci")]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
}

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
fn a_plain_layer_of_tiny_spans_is_skipped_in_bounds() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let layer = directory.path().join("layer.tar");
    std::fs::write(&layer, vec![0; 16 << 20]).expect("written");
    let layer = layer.to_str().expect("a path");
    let output = directory.path().join("ztoc");
    let output = output.to_str().expect("a path");
    let got = soci(&["ztoc", "build", layer, "-o", output, "--span-size", "1"]);
    assert_eq!(got.status.code(), Some(1));
    assert!(
        text(&got.stderr).contains("larger than the limit"),
        "{}",
        text(&got.stderr)
    );
    assert!(!Path::new(output).exists());
}

/// Not to find Docker's configuration is one thing, not to be able to look is another.
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
