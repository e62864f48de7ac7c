//! Commands for a single layer.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{damaged, fail, layout, soci, soci_with, succeed, text, vectors};

/// A layer of the vectors.
fn layer(name: &str) -> PathBuf {
    vectors().join("layers").join(name)
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Names in a directory.
fn entries(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        text(entry.expect("an entry").file_name().as_encoded_bytes())
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
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
fn standard_input_and_output() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("ztoc");
    let layer = layer("kinds.tar.gz");
    let line = succeed(&["ztoc", "build", utf8(&layer), "-o", utf8(&file)]);
    let want = std::fs::read(&file).expect("the zTOC");

    let input = std::fs::read(&layer).expect("the layer");
    let got = soci_with(&["ztoc", "build", "-", "-o", "-"], &input);
    assert!(got.status.success(), "{}", text(&got.stderr));
    assert_eq!(got.stdout, want);
    assert_eq!(text(&got.stderr), line);

    let got = soci_with(&["ztoc", "build", "-", "-o", "-"], b"no tar at all");
    assert_eq!(got.status.code(), Some(1));
    assert!(got.stdout.is_empty());
    let errors = text(&got.stderr);
    assert!(errors.contains("standard input"), "{errors}");
}

#[test]
fn an_output_is_replaced_as_a_whole_or_not_at_all() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("ztoc");
    std::fs::write(&output, "old").expect("written");
    let build = |layer: &Path| soci(&["ztoc", "build", utf8(layer), "-o", utf8(&output)]);
    assert_eq!(build(&layer("bad-truncated.tar.gz")).status.code(), Some(1));
    assert_eq!(std::fs::read(&output).expect("a file"), b"old");
    assert_eq!(entries(directory.path()), ["ztoc"]);
    assert!(build(&layer("kinds.tar.gz")).status.success());
    assert_ne!(std::fs::read(&output).expect("a file"), b"old");
    assert_eq!(entries(directory.path()), ["ztoc"]);
}

#[test]
fn the_layer_is_never_overwritten() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let copy = directory.path().join("layer.tar.gz");
    let original = layer("kinds.tar.gz");
    std::fs::copy(&original, &copy).expect("a copy");
    let other_way = directory
        .path()
        .join("../")
        .join(directory.path().file_name().expect("a name"));
    for output in [copy.clone(), other_way.join("layer.tar.gz")] {
        let errors = fail(&["ztoc", "build", utf8(&copy), "-o", utf8(&output)], 2);
        assert!(
            errors.contains("the output is the same file as the layer"),
            "{errors}"
        );
    }
    let same = std::fs::read(&copy).expect("the layer") == std::fs::read(&original).expect("it");
    assert!(same, "the layer changed");
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_output() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("ztoc");
    std::fs::write(&output, "old").expect("written");
    // A limit on the size of files, in blocks of 512 bytes, fails as a full disk does.
    let program = env!("CARGO_BIN_EXE_soci");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    let layer = layer("many.tar.gz");
    let got = std::process::Command::new("sh")
        .args(["-c", script, "sh", program, "ztoc", "build", utf8(&layer)])
        .args(["-o", utf8(&output)])
        .output()
        .expect("a shell");
    let errors = text(&got.stderr);
    assert_eq!(got.status.code(), Some(1), "{errors}");
    assert!(errors.contains(utf8(&output)), "{errors}");
    assert_eq!(std::fs::read(&output).expect("a file"), b"old");
    assert_eq!(entries(directory.path()), ["ztoc"]);
}

#[cfg(unix)]
#[test]
fn links_and_devices_stay_what_they_are() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, link) = (directory.path().join("file"), directory.path().join("link"));
    std::fs::write(&file, "old").expect("written");
    std::os::unix::fs::symlink("file", &link).expect("a link");
    let layer = layer("kinds.tar.gz");
    succeed(&["ztoc", "build", utf8(&layer), "-o", utf8(&link)]);
    assert!(link.is_symlink());
    assert_ne!(std::fs::read(&file).expect("a file"), b"old");

    let line = succeed(&["ztoc", "build", utf8(&layer), "-o", "/dev/null"]);
    assert!(line.starts_with("sha256:"), "{line}");
    let null = std::fs::metadata("/dev/null").expect("the device");
    assert!(!null.is_file());
}

#[test]
fn zstd_is_called_by_its_name() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let layer = directory.path().join("layer.tar.zst");
    std::fs::write(&layer, [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0]).expect("written");
    let output = directory.path().join("ztoc");
    let errors = fail(&["ztoc", "build", utf8(&layer), "-o", utf8(&output)], 1);
    assert!(errors.contains("compressed with zstd"), "{errors}");
    assert!(!output.exists());
}

#[test]
fn causes_are_told_once() {
    let errors = fail(&["ztoc", "info", "/no/such/file"], 1);
    assert_eq!(errors.matches("os error 2").count(), 1, "{errors}");
    let errors = fail(&["inspect", "oci:/no/such/directory"], 1);
    assert_eq!(errors.matches("os error 2").count(), 1, "{errors}");
    let damaged = damaged("single-oci");
    let errors = fail(
        &["create", &layout(damaged.path()), "--min-layer-size", "0"],
        1,
    );
    assert_eq!(errors.matches("digest mismatch").count(), 1, "{errors}");
}
