//! `wait` and `doctor`: an image and what to deploy for it.

use std::process::{Command, Stdio};

use serde_json::Value;
use tests::interrupt::Interrupt;
use tests::registry::Registry;
use tests::skopeo;

use crate::support::{fail, soci, succeed, text, vectors};

const REPOSITORY: &str = "shop/web";
/// Blobs in the storage of a registry.
const BLOBS: &str = "data/docker/registry/v2/blobs/sha256";
/// Small enough for every layer of the vectors.
const ALL: [&str; 2] = ["--min-layer-size", "0"];

/// Returns a registry with an image and its reference.
fn pushed(name: &str) -> (Registry, String) {
    let registry = Registry::start().expect("a registry");
    push(&registry, name, "1.0");
    let image = registry.reference(&format!("{REPOSITORY}:1.0"));
    (registry, image)
}

/// Pushes an image of the vectors, which has no index.
fn push(registry: &Registry, name: &str, tag: &str) {
    let local = vectors().join("layouts").join(name);
    let image = format!("{REPOSITORY}:{tag}");
    skopeo::push(&local, registry, &image, &Interrupt::default()).expect("pushed");
}

fn digest(registry: &Registry, reference: &str) -> String {
    let manifest = registry.expect_manifest(REPOSITORY, reference);
    manifest.expect("a manifest").digest
}

fn json(arguments: &[&str], code: i32) -> Value {
    let got = soci(&[arguments, &["--json"]].concat());
    assert_eq!(got.status.code(), Some(code), "{}", text(&got.stderr));
    serde_json::from_slice(&got.stdout).expect("JSON")
}

#[test]
fn wait_ends_when_the_index_is_there() {
    for (command, version) in [("convert", "V2"), ("create", "V1")] {
        let (registry, image) = pushed("single-oci");
        let waiting = Command::new(env!("CARGO_BIN_EXE_soci"))
            .args(["wait", &image, "--index-version", version])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        succeed(&[&[command, &image], &ALL[..]].concat());
        let got = waiting.wait_with_output().expect("it ends");
        assert!(got.status.success(), "{}", text(&got.stderr));
        let deploy = match version {
            "V1" => digest(&registry, "1.0"),
            _ => digest(&registry, "1.0-soci"),
        };
        let want = format!("{}@{deploy}\n", registry.reference(REPOSITORY));
        assert_eq!(text(&got.stdout), want);
        let found = json(&["wait", &image, "--index-version", version], 0);
        assert_eq!(found["ready"], true);
        assert_eq!(
            found["indexes"][0]["indexed_layers"],
            found["indexes"][0]["layers"]
        );
    }
}

#[test]
fn wait_gives_up_in_time() {
    let (registry, image) = pushed("single-oci");
    let errors = fail(&["wait", &image, "--timeout", "1s"], 1);
    assert!(errors.contains("no SOCI index V2 after 1s"), "{errors}");
    let found = json(&["wait", &image, "--timeout", "1ms"], 1);
    assert_eq!(found["ready"], false);
    let source = digest(&registry, "1.0");
    let repository = registry.reference(REPOSITORY);
    assert_eq!(found["deploy"], format!("{repository}@{source}"));
    // An image that does not exist is no reason to wait.
    let absent = registry.reference("shop/web:2.0");
    let errors = fail(&["wait", &absent, "--timeout", "5m"], 1);
    assert!(errors.contains("2.0"), "{errors}");
    let errors = fail(&["wait", &image, "--tag", "a:b"], 2);
    assert!(errors.contains("want the tag alone"), "{errors}");
}

#[test]
fn wait_takes_no_other_push_for_the_one_it_waits_for() {
    let (registry, image) = pushed("single-oci");
    let first = digest(&registry, "1.0");
    let pinned = format!("{image}@{first}");
    push(&registry, "multi-oci", "1.0");
    let errors = fail(&["wait", &pinned, "--timeout", "5m"], 1);
    assert!(
        errors.contains(&digest(&registry, "1.0")) && errors.contains(&first),
        "{errors}"
    );
    // The index of the other push is not that of the first.
    succeed(&[&["convert", &image], &ALL[..]].concat());
    fail(&["wait", &pinned, "--timeout", "5m"], 1);
    succeed(&["wait", &image, "--timeout", "5m"]);
}

#[test]
fn wait_ends_where_there_is_nothing_to_index() {
    let (registry, image) = pushed("single-oci");
    push(&registry, "single-oci", "1.0-soci");
    let got = soci(&["wait", &image, "--timeout", "5m"]);
    assert!(got.status.success(), "{}", text(&got.stderr));
    assert!(text(&got.stderr).contains("nothing to index"));
    assert!(text(&got.stdout).ends_with(&format!("@{}\n", digest(&registry, "1.0"))));
}

#[test]
fn doctor_finds_a_sound_index() {
    let (registry, image) = pushed("multi-oci");
    succeed(&[&["convert", &image], &ALL[..]].concat());
    let enabled = digest(&registry, "1.0-soci");
    let itself = format!("{image}-soci");
    for (reference, how) in [(&image, " if deployed as below"), (&itself, "")] {
        let got = succeed(&["doctor", reference]);
        let want = format!("{reference}: loaded lazily{how} (V2)\n");
        assert!(got.starts_with(&want), "{got}");
        let deploy = format!("deploy {}@{enabled}\n", registry.reference(REPOSITORY));
        assert!(got.contains(&deploy), "{got}");
        assert!(got.contains("snapshotter 0.10"), "{got}");
        let found = json(&["doctor", reference], 0);
        assert_eq!(found["lazy"], true);
        assert_eq!(found["platforms"][0]["layers"][0]["loaded"], "lazily");
        assert_eq!(found["problems"], Value::Array(Vec::new()));
    }
}

#[test]
fn doctor_says_what_is_missing() {
    let (registry, image) = pushed("single-oci");
    let got = soci(&["doctor", &image]);
    assert_eq!(got.status.code(), Some(1));
    let said = text(&got.stdout);
    for want in [
        "not loaded lazily",
        "there is no SOCI-enabled image (V2) 1.0-soci",
        "no SOCI index (V1) refers to the image",
        "smaller than 10 MiB",
    ] {
        assert!(said.contains(want), "no {want} in {said}");
    }
    succeed(&[&["create", &image], &ALL[..]].concat());
    assert_eq!(json(&["doctor", &image], 0)["version"], "V1");
    // The SOCI-enabled image of what the tag named before.
    succeed(&[&["convert", &image], &ALL[..]].concat());
    push(&registry, "multi-oci", "1.0");
    let found = json(&["doctor", &image], 1);
    assert_eq!(
        found["problems"][0],
        "1.0-soci was built from another image: it is outdated"
    );
    assert_eq!(
        found["deploy"],
        format!(
            "{}@{}",
            registry.reference(REPOSITORY),
            digest(&registry, "1.0")
        )
    );
}

#[test]
fn doctor_finds_a_broken_index() {
    let (registry, image) = pushed("single-oci");
    succeed(&[&["convert", &image], &ALL[..]].concat());
    let found = json(&["doctor", &image], 0);
    let layer = &found["platforms"][0]["layers"][0];
    let path = |digest: &Value| {
        let digest = digest.as_str().expect("a digest");
        let hex = digest.trim_start_matches("sha256:");
        let blobs = registry.directory().join(BLOBS);
        blobs.join(&hex[..2]).join(hex).join("data")
    };
    let ztoc = path(&layer["ztoc"]);
    let sound = std::fs::read(&ztoc).expect("the zTOC");
    let mut other = sound.clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    std::fs::write(&ztoc, other).expect("written");
    let found = json(&["doctor", &image], 1);
    assert_eq!(found["platforms"][0]["layers"][0]["loaded"], "broken");
    let problem = found["problems"][0].as_str().expect("a problem");
    assert!(problem.contains("the index is broken"), "{problem}");

    std::fs::write(&ztoc, sound).expect("written");
    let blob = path(&layer["digest"]);
    let mut bytes = std::fs::read(&blob).expect("the layer");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&blob, bytes).expect("written");
    let found = json(&["doctor", &image], 1);
    let reason = &found["platforms"][0]["layers"][0]["reason"];
    assert_eq!(reason, "its zTOC describes other content");
}
