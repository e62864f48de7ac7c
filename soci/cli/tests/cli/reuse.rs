//! `--reuse-from`.

use std::path::Path;

use serde_json::Value;

use crate::support::{fail, layout, succeed, vectors};

const ALL: [&str; 2] = ["--min-layer-size", "0"];

/// Converts and returns the report.
fn convert(arguments: &[&str]) -> Value {
    let report = succeed(&[&["convert"], arguments, &["--json"], &ALL[..]].concat());
    serde_json::from_str(&report).expect("JSON")
}

fn source() -> String {
    layout(&vectors().join("layouts/multi-oci"))
}

fn image(directory: &Path, name: &str) -> String {
    layout(&directory.join(name))
}

#[test]
fn layers_of_an_image_with_an_index_are_not_read() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let first = image(directory.path(), "first");
    let read = convert(&[&source(), &first]);
    assert_eq!(read["reused"]["layers"], 0);

    let again = image(directory.path(), "again");
    let reused = convert(&[&source(), &again, "--reuse-from", &first]);
    assert_eq!(reused["digest"], read["digest"]);
    let ztocs = |report: &Value| -> Vec<Value> {
        let indexes = report["indexes"].as_array().expect("indexes").iter();
        let ztocs = indexes.flat_map(|index| index["ztocs"].as_array().expect("zTOCs"));
        ztocs.cloned().collect()
    };
    assert!(!ztocs(&reused).is_empty());
    for (read, reused) in ztocs(&read).into_iter().zip(ztocs(&reused)) {
        assert_eq!(
            (&read["reused"], &reused["reused"]),
            (&Value::Bool(false), &Value::Bool(true))
        );
        for key in ["layer", "digest", "size", "files", "spans"] {
            assert_eq!(read[key], reused[key], "{key}");
        }
    }
    assert!(reused["reused"]["bytes"].as_u64() > Some(0), "{reused}");
    succeed(&["verify", &again]);

    // Other options make other zTOCs.
    let smaller = image(directory.path(), "smaller");
    let span = ["--span-size", "64KiB"];
    let other = convert(&[&[&source(), &smaller, "--reuse-from", &first][..], &span].concat());
    assert_eq!(other["reused"]["layers"], 0);
}

#[test]
fn an_image_without_an_index_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let to = image(directory.path(), "to");
    let errors = fail(&["convert", &source(), &to, "--reuse-from", &source()], 1);
    assert!(errors.contains("reusing zTOCs of oci:"), "{errors}");
    assert!(errors.contains("the image has no SOCI index"), "{errors}");
}
