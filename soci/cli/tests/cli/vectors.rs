//! Every vector gives the listed digests from the command line as well.

use serde_json::Value;

use crate::support::{copy, soci, table, text, vectors};

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
            // What is no image is not the same as nothing to index.
            let want = if key.starts_with("helm-chart") { 1 } else { 3 };
            assert_eq!(
                got.status.code(),
                Some(want),
                "{key}: {}",
                text(&got.stdout)
            );
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
