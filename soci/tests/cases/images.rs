//! Images of which a part is missing, nested, or without a platform.

use serde_json::json;
use soci::oci::{ImageIndex, ImageManifest, media_type};
use soci::{Error, LeftOutReason, MemoryBudget, Version, inspect, verify_indexes};

use crate::layout::{GZIP_LAYER, Layout, gzip, tar};
use crate::{all, case, indexed, publish, published};

#[test]
fn an_image_without_platform_has_no_v2() {
    let error = published("config-no-platform", &all(Version::V2)).expect_err("no platform");
    assert!(matches!(error, Error::NoPlatform { .. }), "{error}");
    assert!(error.to_string().contains("names no platform"), "{error}");
    // V1 lists nothing by platform.
    let (report, _) = published("config-no-platform", &all(Version::V1)).expect("V1");
    assert_eq!(indexed(&report), ["no platform"]);
}

#[test]
fn one_manifest_without_platform_is_left_out() {
    let layout = Layout::new();
    let layer = layout.blob(GZIP_LAYER, &gzip(&tar(b"content")));
    let images = [
        layout.manifest("amd64", std::slice::from_ref(&layer)),
        layout.manifest("", &[layer]),
    ];
    layout.list(&[layout.index(&images)]);
    let (report, store) = publish(&layout.image(), &all(Version::V2)).expect("the other");
    assert_eq!(indexed(&report), ["linux/amd64"]);
    let [left_out] = &report.left_out[..] else {
        panic!("{:?}", report.left_out);
    };
    assert_eq!(left_out.manifest.to_string(), images[1]["digest"]);
    assert_eq!(left_out.reason, LeftOutReason::NoPlatform);
    let root = &store.manifests()[&report.digest.expect("a root")];
    let root: ImageIndex = root.parse().expect("an index");
    assert!(root.manifests[1].platform.is_none(), "{root:?}");
}

#[test]
fn a_missing_platform_is_reported() {
    let (report, _) = published("missing-platform", &all(Version::V2)).expect("amd64");
    let want = "sha256:1f14763ff73505f0f80507d650359c5802dafd8ae53eba239ebdfcb04a83de0c";
    assert_eq!(report.digest.map(|d| d.to_string()).as_deref(), Some(want));
    assert_eq!(indexed(&report), ["linux/amd64"]);
    let [left_out] = &report.left_out[..] else {
        panic!("{:?}", report.left_out);
    };
    assert_eq!(left_out.platform.as_deref(), Some("linux/arm64"));
    assert_eq!(left_out.reason, LeftOutReason::Missing);
}

#[test]
fn a_platform_with_a_missing_layer_is_reported() {
    let layout = Layout::new();
    let layer = |content| layout.blob(GZIP_LAYER, &gzip(&tar(content)));
    let (here, gone) = (layer(b"here"), layer(b"gone"));
    let images = [
        layout.manifest("amd64", &[here]),
        layout.manifest("arm64", std::slice::from_ref(&gone)),
    ];
    layout.list(&[layout.index(&images)]);
    let digest: soci::Digest = gone["digest"]
        .as_str()
        .expect("a digest")
        .parse()
        .expect("one");
    let path = layout.path().join("blobs/sha256").join(digest.hex());
    std::fs::remove_file(path).expect("removed");
    let (report, _) = publish(&layout.image(), &all(Version::V2)).expect("amd64");
    assert_eq!(indexed(&report), ["linux/amd64"]);
    let reason = &report.left_out[0].reason;
    assert_eq!(*reason, LeftOutReason::MissingBlob { blob: digest });
}

#[test]
fn nothing_at_all_is_an_error() {
    let layout = Layout::new();
    let image = layout.manifest("amd64", &[]);
    layout.list(&[layout.index(std::slice::from_ref(&image))]);
    let digest: soci::Digest = image["digest"]
        .as_str()
        .expect("a digest")
        .parse()
        .expect("one");
    std::fs::remove_file(layout.path().join("blobs/sha256").join(digest.hex())).expect("removed");
    let error = publish(&layout.image(), &all(Version::V2)).expect_err("nothing");
    assert!(error.is_not_found(), "{error}");
}

#[test]
fn a_layout_may_list_the_platforms_itself() {
    let (report, _) = published("flat-index-json", &all(Version::V2)).expect("both");
    let want = "sha256:fe05d6db52214ba3b1634d1a015eb02a21fb390b777c7a72752a74602fb21ba5";
    assert_eq!(report.digest.map(|d| d.to_string()).as_deref(), Some(want));
    assert_eq!(indexed(&report), ["linux/amd64", "linux/arm64"]);
}

#[test]
fn two_images_of_one_platform_are_not_one() {
    let layout = Layout::new();
    let layer = |content| layout.blob(GZIP_LAYER, &gzip(&tar(content)));
    let images = [b"1", b"2"].map(|content| layout.manifest("amd64", &[layer(content)]));
    layout.list(&images);
    let error = publish(&layout.image(), &all(Version::V2)).expect_err("two");
    assert!(matches!(error, Error::AmbiguousLayout { .. }), "{error}");
}

#[tokio::test]
async fn a_converted_layout_still_has_its_first_image() {
    let layout = Layout::new();
    for file in ["index.json", "oci-layout"] {
        let from = case("flat-index-json").join(file);
        std::fs::copy(from, layout.path().join(file)).expect("copied");
    }
    for blob in std::fs::read_dir(case("flat-index-json/blobs/sha256")).expect("blobs") {
        let blob = blob.expect("a blob");
        let to = layout.path().join("blobs/sha256").join(blob.file_name());
        std::fs::copy(blob.path(), to).expect("copied");
    }
    let image = layout.image();
    let mut roots = Vec::new();
    for (version, tag) in [
        (Version::V1, None),
        (Version::V2, Some("1-soci")),
        (Version::V2, None),
    ] {
        let indexed = soci::index(&image, &image, &all(version), &(), &()).await;
        let indexed = indexed.expect("both");
        indexed.publish(&image, tag).await.expect("stored");
        roots.push(indexed.report().source.digest);
    }
    assert!(roots.iter().all(|root| *root == roots[0]), "{roots:?}");
    let found = inspect(&image).await.expect("V1");
    assert!(
        found.platforms.iter().all(|p| p.indexes.len() == 1),
        "{found:?}"
    );
    assert_eq!(
        verify_indexes(&image, &found, &MemoryBudget::default())
            .await
            .expect("read")
            .findings,
        []
    );
}

#[test]
fn images_in_nested_indexes_are_indexed() {
    for version in [Version::V1, Version::V2] {
        let (report, _) = published("index-in-index", &all(version)).expect("the image");
        assert_eq!(indexed(&report), ["linux/amd64"]);
        assert_eq!(report.left_out, []);
    }
}

#[test]
fn nested_indexes_keep_the_order_and_say_what_they_leave_out() {
    let layout = Layout::new();
    let layer = |content| layout.blob(GZIP_LAYER, &gzip(&tar(content)));
    let [amd64, arm64, riscv64] =
        ["amd64", "arm64", "riscv64"].map(|a| layout.manifest(a, &[layer(a.as_bytes())]));
    let chart = json!({
        "schemaVersion": 2, "layers": [],
        "config": layout.blob("application/vnd.example.config+json", b"{}"),
    });
    let chart = layout.blob(media_type::OCI_MANIFEST, chart.to_string().as_bytes());
    let charts = layout.index(std::slice::from_ref(&chart));
    let nested = layout.index(&[amd64.clone(), layout.index(&[arm64]), chart]);
    // The image that is listed twice is one.
    layout.list(&[layout.index(&[nested, charts.clone(), layout.index(&[amd64]), riscv64])]);

    let (report, store) = publish(&layout.image(), &all(Version::V2)).expect("the images");
    assert_eq!(
        indexed(&report),
        ["linux/amd64", "linux/arm64", "linux/riscv64"]
    );
    let left_out = report
        .left_out
        .iter()
        .map(|left_out| left_out.reason.to_string());
    let left_out: Vec<_> = left_out.collect();
    assert!(left_out[0].contains("an artifact of type"), "{left_out:?}");
    assert!(
        left_out[1].contains("an index without image manifests"),
        "{left_out:?}"
    );
    let root = &store.manifests()[&report.digest.expect("a root")];
    let root: ImageIndex = root.parse().expect("an index");
    let kept = root
        .manifests
        .iter()
        .filter(|listed| listed.media_type == media_type::OCI_INDEX);
    let kept: Vec<_> = kept.map(|listed| listed.digest.to_string()).collect();
    assert_eq!(kept, [charts["digest"].as_str().expect("a digest")]);
}

#[test]
fn docker_layer_types_are_kept_or_renamed() {
    const DOCKER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    let layout = Layout::new();
    let content = tar(b"content");
    let layers = [
        layout.blob(&format!("{DOCKER}.gzip"), &gzip(&content)),
        layout.blob(DOCKER, &content),
        layout.blob(DOCKER, &gzip(&tar(b"other"))),
        layout.blob(&format!("{DOCKER}.zstd"), &[0x28, 0xb5, 0x2f, 0xfd]),
    ];
    layout.list(&[layout.manifest("amd64", &layers)]);
    let types = |rename| {
        let options = all(Version::V2).with_oci_layer_types(rename);
        let (report, store) = publish(&layout.image(), &options).expect("an image");
        let manifest = &store.manifests()[&report.indexes[0].manifest];
        let manifest: ImageManifest = manifest.parse().expect("a manifest");
        let index = &store.manifests()[&report.indexes[0].digest.expect("an index")];
        let index: ImageManifest = index.parse().expect("an index");
        let key = "com.amazon.soci.image-layer-mediaType";
        for (ztoc, layer) in index.layers.iter().zip(&manifest.layers) {
            assert_eq!(ztoc.annotations[key], layer.media_type);
        }
        let layers = manifest.layers.into_iter();
        layers.map(|layer| layer.media_type).collect::<Vec<_>>()
    };
    let docker = [".gzip", "", "", ".zstd"].map(|suffix| format!("{DOCKER}{suffix}"));
    assert_eq!(types(false), docker);
    let oci = ["+gzip", "", "+gzip", "+zstd"];
    let oci = oci.map(|suffix| format!("application/vnd.oci.image.layer.v1.tar{suffix}"));
    assert_eq!(types(true), oci);
}
