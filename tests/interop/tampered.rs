//! Changes behind the index's back give an error or an unpacked image, never wrong bytes;
//! and a zTOC that is wrong itself does not get past these tests.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::interrupt::Interrupt;
use tests::registry::Registry;
use tests::{binaries, http, process, wait};

use crate::consumer::{Consumer, Snapshotter};
use crate::image::packing::Packing;
use crate::record::{Table, passed};
use crate::rootfs;
use crate::scene::{PLATFORM, REPOSITORY, Scene, Version};
use crate::store::stored;
use crate::tree::deviations;
use crate::tree::{Fact, Property, Tree};

/// `EIO`.
const IO_ERROR: i32 = 5;

/// An image of one large layer with its index.
fn scene(version: Version) -> Result<Scene> {
    let mut scene = Scene::new(Registry::start()?, |layout| {
        Ok(vec![layout.layer(&Packing::Gzip, rootfs::large)?])
    })?;
    scene.index(version, &["--min-layer-size=0", "--span-size=1048576"])?;
    Ok(scene)
}

/// Flips the lowest bit of a byte of a blob in the registry's storage.
fn flip(registry: &Registry, digest: &str, offset: u64) -> Result<()> {
    let path = stored(registry, digest);
    let file = File::options().read(true).write(true).open(&path);
    let file = file.with_context(|| format!("{}: cannot open", path.display()))?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset)?;
    file.write_all_at(&[byte[0] ^ 1], offset)?;
    Ok(())
}

#[test]
fn a_changed_span_is_an_error() -> Result<()> {
    let scene = scene(Version::V2)?;
    let mut consumer = Consumer::start()?;
    let eager = consumer.pull(&scene.source(), PLATFORM, Snapshotter::Overlayfs)?;
    let want = Tree::read(&eager.root)?;
    let layer = scene.layer(PLATFORM, 0)?;
    flip(&scene.registry, &layer.digest, layer.size / 2)?;

    let lazy = consumer.pull(&scene.indexed(), PLATFORM, Snapshotter::Soci)?;
    assert_eq!(lazy.layers, [(layer.digest.clone(), true)]);
    let got = Tree::read(&lazy.root)?;
    let (defects, _) = deviations::compare(&got, &want, &scene.expected(PLATFORM)?);
    ensure!(!defects.is_empty(), "the change was not noticed");
    for defect in &defects {
        assert_eq!(defect.property, Some(Property::Content), "{defects:#?}");
        assert_eq!(
            defect.got,
            Some(Fact::Error(Some(IO_ERROR))),
            "{defects:#?}"
        );
    }
    // The middle of the layer is in one file; most are whole.
    assert!(defects.len() < 3, "{defects:#?}");
    passed(
        Table::Consumer,
        &[
            "V2, a span changed in the registry",
            "an I/O error in its file, the others equal",
        ],
    )
}

#[test]
fn a_changed_ztoc_makes_the_image_be_unpacked() -> Result<()> {
    let scene = scene(Version::V2)?;
    let index = scene.soci_index()?;
    let ztoc = index["layers"][0]["digest"].as_str().context("no zTOC")?;
    flip(&scene.registry, ztoc, 1000)?;

    let mut consumer = Consumer::start()?;
    let unpacked = consumer.pull(&scene.indexed(), PLATFORM, Snapshotter::Soci)?;
    let layers: Vec<_> = unpacked
        .layers
        .iter()
        .map(|(_, mounted)| *mounted)
        .collect();
    assert_eq!(layers, [false]);
    assert_eq!(consumer.fuse_mounts()?.len(), 0);
    let warnings = consumer.warnings()?.join("\n");
    assert!(warnings.contains("no valid SOCI index found"), "{warnings}");
    let got = Tree::read(&unpacked.root)?;
    let eager = consumer.pull(&scene.source(), PLATFORM, Snapshotter::Overlayfs)?;
    let want = Tree::read(&eager.root)?;
    let (defects, _) = deviations::compare(&got, &want, &scene.expected(PLATFORM)?);
    assert!(defects.is_empty(), "{defects:#?}");
    consumer.stop()?;
    passed(
        Table::Consumer,
        &[
            "V2, a zTOC changed in the registry",
            "unpacked, all files equal",
        ],
    )
}

#[test]
fn a_wrong_ztoc_does_not_pass() -> Result<()> {
    let scene = scene(Version::V1)?;
    let image = scene.registry.expect_manifest(REPOSITORY, "1")?;
    let tag = image.digest.replace(':', "-");
    let referrers = scene.registry.expect_manifest(REPOSITORY, &tag)?;
    let old_index = text(&referrers.json["manifests"][0]["digest"])?;
    let index = scene.registry.expect_manifest(REPOSITORY, &old_index)?;
    let old_ztoc = text(&index.json["layers"][0]["digest"])?;

    // The same zTOC, but one file starts a byte later. The manifests around it stay as they are
    // but for the digests.
    let ztoc = moved(&blob(&scene.registry, &old_ztoc)?)?;
    let ztoc = push_blob(&scene.registry, &ztoc)?;
    let manifest = String::from_utf8(index.body)?.replace(&old_ztoc, &ztoc);
    let digest = sha256(manifest.as_bytes());
    let put = |reference: &str, kind: &str, manifest: &str| {
        let registry = &scene.registry;
        registry.put_manifest(REPOSITORY, reference, kind, manifest.as_bytes())
    };
    put(&digest, &index.media_type, &manifest)?;
    let list = String::from_utf8(referrers.body)?.replace(&old_index, &digest);
    put(&tag, &referrers.media_type, &list)?;

    let error = scene
        .check(PLATFORM, &[true])
        .expect_err("a wrong zTOC passes");
    let error = format!("{error:#}");
    assert!(error.contains(r#""srv/prose": Content"#), "{error}");
    assert_eq!(error.matches("got Some(").count(), 1, "{error}");
    passed(
        Table::Consumer,
        &[
            "V1, one offset in the zTOC changed before it is published",
            "noticed: the file differs",
        ],
    )
}

/// The zTOC with the offset of `srv/prose` one byte too high.
fn moved(ztoc: &[u8]) -> Result<Vec<u8>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("ztoc");
    fs::write(&path, ztoc)?;
    let mut command = Command::new(binaries::built("soci")?);
    command.args(["ztoc", "info", "--json"]).arg(&path);
    let output = process::run(&mut command, wait::SOON, &Interrupt::default())?.success()?;
    let info: Value = serde_json::from_str(&output.stdout)?;
    let mut files = info["files"].as_array().into_iter().flatten();
    let file = files.find(|file| file["name"] == "srv/prose");
    let offset = file.and_then(|file| file["offset"].as_u64());
    let offset = offset.with_context(|| format!("no offset of srv/prose in {info}"))?;

    let (old, new) = (offset.to_le_bytes(), (offset + 1).to_le_bytes());
    let places: Vec<_> = (0..ztoc.len() - 8)
        .filter(|&at| ztoc[at..].starts_with(&old))
        .collect();
    ensure!(places.len() == 1, "the offset {offset} is at {places:?}");
    let mut moved = ztoc.to_vec();
    moved[places[0]..][..8].copy_from_slice(&new);
    Ok(moved)
}

fn text(value: &Value) -> Result<String> {
    let text = value.as_str();
    Ok(text
        .with_context(|| format!("no string: {value}"))?
        .to_owned())
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn blob(registry: &Registry, digest: &str) -> Result<Vec<u8>> {
    let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
    let response = http::request(registry.address(), "GET", &path, &[], b"")?;
    ensure!(response.status == 200, "{path}: {}", response.status);
    Ok(response.body)
}

fn push_blob(registry: &Registry, content: &[u8]) -> Result<String> {
    let start = format!("/v2/{REPOSITORY}/blobs/uploads/");
    let response = http::request(
        registry.address(),
        "POST",
        &start,
        &[("Content-Length", "0")],
        b"",
    )?;
    let place = response.header("location").context("no Location")?;
    let (_, path) = place.split_once("/v2/").context("no path in Location")?;
    let digest = sha256(content);
    let path = format!("/v2/{path}&digest={digest}");
    let response = http::request(registry.address(), "PUT", &path, &[], content)?;
    ensure!(response.status == 201, "{path}: {}", response.status);
    Ok(digest)
}
