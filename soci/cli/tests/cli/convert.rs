//! Destinations of `convert` in image layouts.

use crate::support::{fail, layout, names, succeed, vectors};

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
