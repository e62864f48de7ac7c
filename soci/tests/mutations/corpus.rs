//! The fuzz targets over their committed corpora.

use std::path::Path;

use crate::bodies;
use crate::ceiling::Meter;

/// Runs `body` over a corpus; at least `sound` of the inputs must reach its end.
fn run(corpus: &str, sound: usize, body: impl Fn(&[u8]) -> bool) {
    // Other tests must not see its memory in theirs.
    let _meter = Meter::alone();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(corpus);
    let mut reached = 0;
    for entry in std::fs::read_dir(directory).expect("the corpus") {
        let path = entry.expect("an input").path();
        let input = std::fs::read(&path).expect("an input");
        println!("{}", path.display());
        reached += usize::from(body(&input));
    }
    assert!(reached >= sound, "only {reached} inputs are sound");
}

#[test]
fn layers() {
    run("layer", 8, bodies::layer);
}

#[test]
fn ztocs() {
    run("ztoc", 2, bodies::ztoc);
}

#[test]
fn images() {
    run("image", 3, bodies::image);
}

#[test]
fn references() {
    run("reference", 3, bodies::reference);
}
