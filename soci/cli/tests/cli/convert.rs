//! Destinations of `convert` in image layouts.

use crate::support::{fail, layout, names, soci, succeed, text, vectors};

const ALL: [&str; 2] = ["--min-layer-size", "0"];

/// A copy of a layout whose image is named 1.0.
fn named() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = layout(&vectors().join("layouts/single-oci"));
    let to = format!("{}:1.0", layout(directory.path()));
    succeed(&[&["convert", &source, &to], &ALL[..]].concat());
    directory
}

#[test]
fn a_destination_in_a_layout_has_its_own_name() {
    let directory = named();
    let image = layout(directory.path());
    let before = names(directory.path());
    let (from, to) = (format!("{image}:1.0"), format!("{image}:foo"));
    succeed(&[&["convert", &from, &to, "--span-size", "64KiB"], &ALL[..]].concat());
    let after = names(directory.path());
    assert_eq!(after["1.0"], before["1.0"]);
    assert!(
        after.contains_key("foo") && after.len() == before.len() + 1,
        "{after:?}"
    );
    succeed(&["verify", &to]);

    succeed(&[&["convert", &from], &ALL[..]].concat());
    let after = names(directory.path());
    assert_eq!(after["1.0"], before["1.0"]);
    assert!(after.contains_key("1.0-soci"), "{after:?}");
}

#[test]
fn the_source_is_replaced_only_when_told() {
    let directory = named();
    let image = layout(directory.path());
    let named = format!("{image}:1.0");
    let before = names(directory.path());
    let other_way = format!("oci:{}/.:1.0", directory.path().display());
    let smaller = ["--span-size", "64KiB", "--min-layer-size", "0"];
    for (from, to) in [
        (&named, &named),
        (&named, &image),
        (&image, &image),
        (&named, &other_way),
    ] {
        let errors = fail(&[&["convert", from, to], &smaller[..]].concat(), 2);
        assert!(errors.contains("--replace"), "{errors}");
        assert_eq!(names(directory.path()), before);
    }
    succeed(&[&["convert", &named, &named, "--replace"], &smaller[..]].concat());
    let after = names(directory.path());
    assert_eq!(after.len(), before.len());
}

#[test]
fn archives_come_in_and_go_out() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let source = layout(&vectors().join("layouts/multi-oci"));
    let convert = |arguments: &[&str]| {
        let report = succeed(&[&["convert"], arguments, &["--json"], &ALL[..]].concat());
        let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        (
            report["digest"].clone(),
            report["destination"]["tag"].clone(),
        )
    };
    let (digest, _) = convert(&[&source, &layout(&directory.path().join("copy"))]);
    let archive = path("a.tar");
    let to = format!("oci-archive:{archive}:1.0");
    assert_eq!(convert(&[&source, &to]), (digest.clone(), "1.0".into()));
    succeed(&["verify", &archive]);

    // An archive that exists is replaced only when told, and needs no prefix.
    let errors = fail(&[&["convert", &source, &to], &ALL[..]].concat(), 2);
    assert!(errors.contains("--replace"), "{errors}");
    let replaced = convert(&[&archive, &archive, "--replace"]);
    assert_eq!(replaced, (digest.clone(), "1.0".into()));
    succeed(&["verify", &archive]);

    // Without a destination, another archive beside it.
    assert_eq!(convert(&[&archive]), (digest.clone(), "1.0-soci".into()));
    let beside = path("a-soci.tar");
    succeed(&["verify", &beside]);
    let unpacked = layout(&directory.path().join("unpacked"));
    assert_eq!(convert(&[&beside, &unpacked]).0, digest);
    succeed(&["verify", &unpacked]);
    let left = std::fs::read_dir(directory.path()).expect("files");
    let left = left.map(|file| file.expect("a file").file_name());
    let mut left: Vec<_> = left.map(|name| text(name.as_encoded_bytes())).collect();
    left.sort();
    assert_eq!(left, ["a-soci.tar", "a.tar", "copy", "unpacked"]);
}

#[test]
fn archives_that_cannot_be_written() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let source = layout(&vectors().join("layouts/single-oci"));
    let docker = format!("docker-archive:{}", path("a.tar"));
    let errors = fail(&[&["convert", &source, &docker], &ALL[..]].concat(), 2);
    assert!(errors.contains("oci-archive:FILE"), "{errors}");
    let archive = path("a.tar");
    succeed(&[&["convert", &source, &archive], &ALL[..]].concat());
    let errors = fail(&[&["create", &archive], &ALL[..]].concat(), 1);
    assert!(errors.contains("cannot be added to"), "{errors}");
    // With nothing to index, there is no archive.
    let got = soci(&["convert", &source, &path("none.tar")]);
    assert_eq!(got.status.code(), Some(3), "{}", text(&got.stderr));
    assert!(!directory.path().join("none.tar").exists());
}

#[test]
fn what_is_left_out_is_said() {
    let cases = vectors().join("../cases");
    let to = tempfile::tempdir().expect("a temporary directory");
    for (name, code, want) in [
        (
            "missing-platform",
            0,
            "linux/arm64: manifest sha256:a6bab6a06e8c61ecd9145bba2bf9863241762b792e5a912e6daa40d72de567d8 left out: it is not in the layout",
        ),
        (
            "zstd-mislabelled-gzip",
            0,
            "skipped: its media type says gzip, but it is zstd",
        ),
        (
            "trailing-zeros-layer",
            0,
            "skipped: it cannot be decompressed",
        ),
        (
            "config-no-platform",
            1,
            "its configuration names no platform",
        ),
    ] {
        let source = layout(&cases.join(name));
        let to = layout(&to.path().join(name));
        let got = soci(&[&["convert", &source, &to], &ALL[..]].concat());
        let errors = text(&got.stderr);
        assert_eq!(got.status.code(), Some(code), "{name}: {errors}");
        assert!(errors.contains(want), "{name}: {errors}");
    }
}

#[test]
fn layers_of_several_members_are_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let blobs = directory.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("made");
    let layer = std::fs::read(vectors().join("../cases/layers/two-members.tar.gz"));
    let layer = layer.expect("a layer");
    let digest = soci::Digest::of(&layer);
    std::fs::write(blobs.join(digest.hex()), &layer).expect("written");
    let config = serde_json::json!({"architecture": "arm64", "os": "linux"});
    let media_type = "application/vnd.oci.image.config.v1+json";
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "config": crate::support::store(directory.path(), media_type, &config),
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": digest, "size": layer.len(),
        }],
    });
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = crate::support::store(directory.path(), media_type, &manifest);
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [manifest]});
    std::fs::write(directory.path().join("index.json"), index.to_string()).expect("written");

    let source = layout(directory.path());
    let errors = fail(&[&["convert", &source], &ALL[..]].concat(), 3);
    assert!(errors.contains("several gzip members"), "{errors}");
    succeed(&[&["convert", &source, "--multi-member-layers"], &ALL[..]].concat());
    let enabled = format!("{source}:latest-soci");
    let tree = succeed(&["inspect", &enabled]);
    assert!(tree.contains("several gzip members"), "{tree}");
    let verified = soci(&["verify", &enabled]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    let notes = text(&verified.stderr);
    assert!(notes.contains("several gzip members"), "{notes}");
}
