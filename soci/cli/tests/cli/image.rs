//! Inspecting and verifying images.

use std::path::Path;

use serde_json::Value;

use crate::support::{copy, fail, layout, soci, store, succeed, text, vectors};

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
    let config = store(
        layout.path(),
        "application/vnd.example.config+json",
        &serde_json::json!({}),
    );
    let chart = serde_json::json!({"schemaVersion": 2, "config": config, "layers": []});
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let chart = store(layout.path(), manifest_type, &chart);
    let inner = store(layout.path(), index_type, &list(serde_json::json!([chart])));
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
        let is_rewritten = [&outer, &image].into_iter().any(|rewritten| {
            let digest = rewritten["digest"].as_str();
            digest.is_some_and(|d| d.ends_with(&text(name.as_encoded_bytes())))
        });
        let copied = target.path().join("copy/blobs/sha256").join(&name);
        assert!(
            copied.exists() || is_rewritten,
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

/// A copy of an image with V2 indexes, and the report on it.
fn converted(directory: &Path) -> (String, Value) {
    let source = layout(&vectors().join("layouts/multi-oci"));
    let to = layout(&directory.join("converted"));
    let small = ["--span-size", "65536", "--min-layer-size", "0"];
    let report = succeed(&[&["convert", &source, &to, "--json"], &small[..]].concat());
    (to, serde_json::from_str(&report).expect("JSON"))
}

#[test]
fn verify_names_versions_and_says_that_all_is_well() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (image, report) = converted(directory.path());
    let lines = succeed(&["verify", &image]);
    for index in report["indexes"].as_array().expect("indexes") {
        let (platform, digest) = (&index["platform"], &index["digest"]);
        let [Some(platform), Some(digest)] = [platform, digest].map(Value::as_str) else {
            panic!("no index in {index}");
        };
        let want = format!("{platform}: SOCI index V2 {digest} ok\n");
        assert!(lines.contains(&want), "no {want} in {lines}");
    }
    let last = format!("{image}: all 3 indexes match the image\n");
    assert!(lines.ends_with(&last), "{lines}");

    let json: Value = serde_json::from_str(&succeed(&["verify", &image, "--json"])).expect("JSON");
    assert_eq!(json["ok"], true);
    assert_eq!(json["indexes"][0]["version"], "V2");
    assert_eq!(json["indexes"][0]["digest"], report["indexes"][0]["digest"]);
    assert_eq!(json["indexes"][0]["findings"], serde_json::json!([]));

    let v1 = copy("single-oci");
    let v1 = layout(v1.path());
    succeed(&["create", &v1, "--min-layer-size", "0"]);
    let lines = succeed(&["verify", &v1]);
    assert!(lines.contains("SOCI index V1 sha256:"), "{lines}");
    assert!(lines.ends_with("the index matches the image\n"), "{lines}");
}

#[test]
fn a_missing_or_broken_ztoc_is_shown() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (image, report) = converted(directory.path());
    // Their first layer is the same.
    let ztoc = |index: usize| {
        let digest = report["indexes"][index]["ztocs"][1]["digest"].as_str();
        let digest = digest.expect("a digest").to_owned();
        let blobs = directory.path().join("converted/blobs/sha256");
        (blobs.join(&digest[7..]), digest)
    };
    let whole: Value =
        serde_json::from_str(&succeed(&["inspect", &image, "--json"])).expect("JSON");
    let first = &whole["platforms"][0]["indexes"][0];
    assert_eq!(first["digest"], report["indexes"][0]["digest"]);
    assert_eq!(first["version"], "V2");
    for field in ["layer", "digest", "size", "files", "spans"] {
        let want = &report["indexes"][0]["ztocs"][0][field];
        assert_eq!(first["ztocs"][0][field], *want, "{field}");
    }

    let (missing, broken) = (ztoc(0), ztoc(1));
    std::fs::remove_file(missing.0).expect("removed");
    std::fs::write(broken.0, "no zTOC").expect("written");
    let tree = succeed(&["inspect", &image]);
    let want = format!("zTOC {}  missing\n", missing.1);
    assert!(tree.contains(&want), "no {want} in {tree}");
    let want = format!("zTOC {}  broken: ", broken.1);
    assert!(tree.contains(&want), "no {want} in {tree}");
    let json: Value = serde_json::from_str(&succeed(&["inspect", &image, "--json"])).expect("JSON");
    let missed = &json["platforms"][0]["indexes"][0]["ztocs"][1];
    assert_eq!(missed["error"], "missing");
    assert!(missed.get("files").is_none(), "{missed}");

    let errors = fail(&["verify", &image], 1);
    assert!(
        errors.contains(&missing.1) && errors.contains(&broken.1),
        "{errors}"
    );
    let got = soci(&["verify", &image, "--json"]);
    assert_eq!(got.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&got.stdout).expect("JSON");
    assert_eq!(json["ok"], false);
    assert_eq!(json["indexes"][0]["ok"], false);
}
