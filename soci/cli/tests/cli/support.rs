//! Running the program, and images to run it on.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

pub(crate) fn table(name: &str) -> BTreeMap<String, Value> {
    let table = std::fs::read(vectors().join(name)).expect("the table of vectors");
    serde_json::from_slice(&table).expect("valid JSON")
}

pub(crate) fn soci(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_soci"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A copy of a layout, to write to.
pub(crate) fn copy(layout: &str) -> tempfile::TempDir {
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

/// A copy of a layout, with a layer that is not what its digest says.
pub(crate) fn damaged(layout: &str) -> tempfile::TempDir {
    let directory = copy(layout);
    let blobs = std::fs::read_dir(directory.path().join("blobs/sha256")).expect("blobs");
    let blobs = blobs.map(|blob| blob.expect("a blob").path());
    let size = |path: &PathBuf| path.metadata().expect("a file").len();
    let layer = blobs.max_by_key(size).expect("a layer");
    let mut bytes = std::fs::read(&layer).expect("a layer");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(layer, bytes).expect("written");
    directory
}

/// Runs the program, which must succeed; returns its standard output.
pub(crate) fn succeed(arguments: &[&str]) -> String {
    let got = soci(arguments);
    assert!(got.status.success(), "{arguments:?}: {}", text(&got.stderr));
    text(&got.stdout)
}

/// Runs the program, which must exit with a code; returns its standard error.
pub(crate) fn fail(arguments: &[&str], code: i32) -> String {
    let got = soci(arguments);
    let errors = text(&got.stderr);
    assert_eq!(got.status.code(), Some(code), "{arguments:?}: {errors}");
    errors
}

/// Runs the program with text on its standard input.
pub(crate) fn soci_with(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_soci"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // A program that fails early does not read it all.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("it ends")
    })
}

/// `oci:DIR` of a directory.
pub(crate) fn layout(directory: &Path) -> String {
    format!("oci:{}", directory.display())
}

/// Digests of the images in a layout, by name.
pub(crate) fn names(directory: &Path) -> BTreeMap<String, String> {
    let index = std::fs::read(directory.join("index.json")).expect("the list of images");
    let index: Value = serde_json::from_slice(&index).expect("JSON");
    let images = index["manifests"].as_array().expect("images");
    let named = images.iter().filter_map(|image| {
        let name = image["annotations"]["org.opencontainers.image.ref.name"].as_str()?;
        Some((name.to_owned(), image["digest"].as_str()?.to_owned()))
    });
    named.collect()
}

/// Stores a JSON document in a layout; returns its descriptor.
pub(crate) fn store(layout: &Path, media_type: &str, document: &Value) -> Value {
    let bytes = document.to_string();
    let digest = soci::Digest::of(&bytes);
    std::fs::write(layout.join("blobs/sha256").join(digest.hex()), &bytes).expect("written");
    serde_json::json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}
