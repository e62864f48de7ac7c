//! Images that the snapshotter mounts by their zTOCs hold what unpacking them gives.

use std::collections::BTreeMap;

use anyhow::Result;
use tests::registry::Registry;

use crate::archive::{Attributes, PLAIN};
use crate::image::packing::{COMPRESSORS, Packing};
use crate::image::{Layer, Layout};
use crate::record::{Table, passed};
use crate::reference;
use crate::rootfs;
use crate::scene::{Checked, PLATFORM, Scene, Version};
use crate::tree::deviations::Deviation;

/// Checks the image for one platform, and notes what it is.
fn check(scene: &Scene, image: &str, mounted: &[bool]) -> Result<Checked> {
    let checked = scene.check(PLATFORM, mounted)?;
    passed(Table::Consumer, &[image, &checked.to_string()])?;
    Ok(checked)
}

/// The image with everything: three layers, the second without a zTOC unless it is wanted.
fn everything(layout: &Layout, packing: &Packing) -> Result<Vec<Layer>> {
    Ok(vec![
        layout.layer(packing, rootfs::base)?,
        layout.layer(packing, rootfs::changes)?,
        layout.layer(packing, rootfs::large)?,
    ])
}

fn scene(packing: &Packing) -> Result<Scene> {
    Scene::new(Registry::start()?, |layout| everything(layout, packing))
}

#[test]
fn v2_mounts_every_layer() -> Result<()> {
    let mut scene = scene(&Packing::Gzip)?;
    scene.left_behind = rootfs::left_behind();
    scene.index(Version::V2, &["--min-layer-size=0"])?;
    assert_eq!(reference::expect_same(&scene, 4 << 20)?, 3);
    let checked = check(&scene, "V2, gzip", &[true, true, true])?;
    // Each deviation that is excused is there to be seen: none is excused for nothing.
    for deviation in [
        Deviation::ImpliedDirectoryTime,
        Deviation::NegativeTime,
        Deviation::SymlinkMode,
        Deviation::LeftBehindLinks,
        Deviation::TrustedXattr,
    ] {
        assert!(
            checked.deviations.contains(&deviation),
            "{deviation:?} was not seen"
        );
    }
    Ok(())
}

#[test]
fn v1_mounts_every_layer_by_the_referrers_tag() -> Result<()> {
    let mut scene = scene(&Packing::Gzip)?;
    scene.left_behind = rootfs::left_behind();
    scene.index(Version::V1, &["--min-layer-size=0"])?;
    check(&scene, "V1, gzip", &[true, true, true])?;
    Ok(())
}

#[test]
fn layers_below_the_smallest_size_are_unpacked() -> Result<()> {
    let mut scene = scene(&Packing::Gzip)?;
    scene.left_behind = rootfs::left_behind();
    scene.index(Version::V2, &["--min-layer-size=1000000"])?;
    check(
        &scene,
        "V2, small layers beside a large one",
        &[false, false, true],
    )?;
    Ok(())
}

#[test]
fn plain_layers_are_mounted() -> Result<()> {
    for version in [Version::V1, Version::V2] {
        let mut scene = scene(&Packing::Plain)?;
        scene.left_behind = rootfs::left_behind();
        scene.index(version, &["--min-layer-size=0", "--span-size=1048576"])?;
        if version == Version::V2 {
            assert_eq!(reference::expect_same(&scene, 1 << 20)?, 3);
        }
        check(
            &scene,
            &format!("{version:?}, uncompressed"),
            &[true, true, true],
        )?;
    }
    Ok(())
}

#[test]
fn layers_of_several_gzip_members_are_mounted() -> Result<()> {
    let mut scene = scene(&Packing::Members(300_000))?;
    scene.left_behind = rootfs::left_behind();
    scene.index(
        Version::V2,
        &[
            "--min-layer-size=0",
            "--span-size=65536",
            "--multi-member-layers",
        ],
    )?;
    assert_eq!(reference::expect_same(&scene, 65536)?, 3);
    check(&scene, "V2, several gzip members", &[true, true, true])?;
    Ok(())
}

#[test]
fn spans_of_any_size_are_read() -> Result<()> {
    for size in ["65536", "262144", "1048576", "16777216"] {
        let mut scene = scene(&Packing::Gzip)?;
        scene.left_behind = rootfs::left_behind();
        let span = format!("--span-size={size}");
        scene.index(Version::V2, &["--min-layer-size=0", &span])?;
        check(
            &scene,
            &format!("V2, spans of {size} bytes"),
            &[true, true, true],
        )?;
    }
    Ok(())
}

#[test]
fn layers_of_every_compressor_are_mounted() -> Result<()> {
    let mut scene = Scene::new(Registry::start()?, |layout| {
        let mut layers = Vec::new();
        for compressor in COMPRESSORS {
            let layer = layout.layer(&Packing::Compressor(compressor), |tar| {
                let name = compressor.name().replace('/', "-");
                tar.directory(&name, &Attributes::mode(0o755))?;
                tar.file(format!("{name}/prose"), &PLAIN, &rootfs::prose(4, 2 << 20))?;
                tar.file(
                    format!("{name}/noise"),
                    &PLAIN,
                    &tests::image::noise(5, 200_000),
                )
            })?;
            layers.push(layer);
        }
        Ok(layers)
    })?;
    // Some of them write several members.
    let options = [
        "--min-layer-size=0",
        "--span-size=65536",
        "--multi-member-layers",
    ];
    scene.index(Version::V2, &options)?;
    let same = reference::expect_same(&scene, 65536)?;
    assert_eq!(same, COMPRESSORS.len());
    check(
        &scene,
        "V2, one layer of each compressor",
        &[true; COMPRESSORS.len()],
    )?;
    Ok(())
}

#[test]
fn a_layer_without_attributes_is_mounted_without_them() -> Result<()> {
    let mut scene = Scene::new(Registry::start()?, |layout| {
        Ok(vec![
            layout.layer(&Packing::Gzip, rootfs::large)?,
            layout.layer(&Packing::Gzip, |tar| {
                let attributes = Attributes::xattrs(&[("user.kept", b"yes")]);
                tar.file("kept", &attributes, &rootfs::prose(6, 100_000))
            })?,
        ])
    })?;
    scene.index(Version::V2, &["--min-layer-size=0", "--optimization=xattr"])?;
    let layers = scene.soci_index()?["layers"].clone();
    let marked: Vec<_> = layers
        .as_array()
        .into_iter()
        .flatten()
        .map(|layer| &layer["annotations"]["com.amazon.soci.disable-xattrs"])
        .collect();
    assert_eq!(
        marked,
        [&serde_json::json!("true"), &serde_json::Value::Null]
    );
    check(&scene, "V2, `xattr` optimization", &[true, true])?;
    Ok(())
}

#[test]
fn each_platform_has_its_index_and_attestations_stay() -> Result<()> {
    for version in [Version::V1, Version::V2] {
        let mut scene = Scene::of_platforms(
            Registry::start()?,
            &["amd64", "arm64"],
            |layout, architecture| {
                let arm = architecture == "arm64";
                let large = layout.layer(&Packing::Gzip, rootfs::large)?;
                let own = layout.layer(&Packing::Gzip, |tar| {
                    tar.file(
                        "architecture",
                        &PLAIN,
                        &rootfs::prose(u64::from(arm), 500_000),
                    )
                })?;
                Ok(vec![large, own])
            },
        )?;
        scene.index(version, &["--min-layer-size=0"])?;
        for platform in ["linux/amd64", "linux/arm64"] {
            let checked = scene.check(platform, &[true, true])?;
            let image = format!("{version:?}, two platforms with attestations: {platform}");
            passed(Table::Consumer, &[&image, &checked.to_string()])?;
        }
    }
    Ok(())
}

#[test]
fn layers_that_cannot_be_indexed_are_unpacked_beside_mounted_ones() -> Result<()> {
    let mut scene = Scene::new(Registry::start()?, |layout| {
        Ok(vec![
            layout.layer(&Packing::Zstd, |tar| {
                tar.file("zstd", &PLAIN, &rootfs::prose(7, 300_000))
            })?,
            layout.layer(&Packing::Gzip, |tar| {
                tar.global_records()?;
                tar.file("odd", &PLAIN, &rootfs::prose(8, 300_000))
            })?,
            layout.layer(&Packing::Gzip, rootfs::large)?,
        ])
    })?;
    scene.index(Version::V2, &["--min-layer-size=0"])?;
    check(
        &scene,
        "V2, a zstd layer and one with an odd entry beside gzip",
        &[false, false, true],
    )?;
    Ok(())
}

#[test]
fn the_prefetch_artifact_is_loaded() -> Result<()> {
    let mut scene = scene(&Packing::Gzip)?;
    let arguments = [
        "--min-layer-size=0",
        "--span-size=1048576",
        "--prefetch-file=srv/prose",
    ];
    scene.index(Version::V2, &arguments)?;
    let artifact = scene.prefetch_artifact()?;
    let requests = scene.prefetch(PLATFORM)?;
    let count = |digest: &str| {
        requests
            .iter()
            .filter(|request| request.digest == digest)
            .count()
    };
    assert_eq!(count(&artifact.digest), 1, "{requests:#?}");
    let of_layer: BTreeMap<_, _> = [(&artifact.layer, count(&artifact.layer))].into();
    // Two requests resolve a layer. The rest loads the spans, before anything is read.
    assert!(of_layer.values().all(|&count| count > 2), "{requests:#?}");
    passed(
        Table::Consumer,
        &["V2, prefetch artifact", "its spans loaded before a read"],
    )
}
