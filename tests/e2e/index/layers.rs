//! Layers that are left out or renamed unless the configuration says otherwise.

use std::io::Write;

use anyhow::Result;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tests::image::{Compression, Layout, MediaTypes, sha256};
use tests::registry::Registry;

use crate::scenario::{
    ADDRESS, ENABLED, INDEX_TYPE, MANIFEST_TYPE, REPOSITORY, Scenario, TAG, configured, image,
    layers, list, push, text,
};

/// Stores a blob; returns its descriptor.
fn store(layout: &Layout, media_type: &str, bytes: &[u8]) -> Result<Value> {
    let digest = sha256(bytes)?;
    let path = layout
        .directory()
        .join("blobs")
        .join(digest.replace(':', "/"));
    std::fs::write(path, bytes)?;
    Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
}

/// Adds to an image a layer of two gzip members.
fn with_two_members(layout: &Layout, image: &Value) -> Result<Value> {
    let read = |descriptor: &Value| -> Result<Vec<u8>> {
        let path = text(&descriptor["digest"])?.replace(':', "/");
        Ok(std::fs::read(layout.directory().join("blobs").join(path))?)
    };
    let mut manifest: Value = serde_json::from_slice(&read(image)?)?;
    let plain = layout.layer(Compression::None, |archive| archive.file("two", b"members"))?;
    let tar = read(&json!({"digest": plain.digest}))?;
    let mut layer = Vec::new();
    for half in tar.chunks(tar.len() / 2) {
        let mut gzip = GzEncoder::new(layer, Level::default());
        gzip.write_all(half)?;
        layer = gzip.finish()?;
    }
    let layer_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    let layer = store(layout, layer_type, &layer)?;
    let mut config: Value = serde_json::from_slice(&read(&manifest["config"])?)?;
    let (layers, diff_ids) = (&mut manifest["layers"], &mut config["rootfs"]["diff_ids"]);
    layers
        .as_array_mut()
        .into_iter()
        .for_each(|layers| layers.push(layer.clone()));
    let diff_id = json!(sha256(&tar)?);
    diff_ids
        .as_array_mut()
        .into_iter()
        .for_each(|ids| ids.push(diff_id.clone()));
    let config_type = text(&manifest["config"]["mediaType"])?.to_owned();
    manifest["config"] = store(layout, &config_type, config.to_string().as_bytes())?;
    store(layout, MANIFEST_TYPE, manifest.to_string().as_bytes())
}

#[test]
fn layers_of_several_members_are_indexed_on_request() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| {
        with_two_members(layout, &image(layout, "amd64", 1)?)
    })?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let every = "min_layer_size = 0";
    let included = "min_layer_size = 0\n  multi_member_layers = true";
    let terraform = configured(&reference, every)?;
    let scenario = Scenario {
        registry,
        terraform,
    };
    let counts = || -> Result<(Value, Value)> {
        let resource = scenario.resource()?;
        let index = &resource.values["indexes"][0];
        Ok((index["ztoc_count"].clone(), index["skipped_layers"].clone()))
    };

    let output = scenario.terraform.apply()?;
    for wanted in ["Layers not indexed", "several gzip members"] {
        assert!(output.all().contains(wanted), "no {wanted:?} in {output}");
    }
    assert_eq!(counts()?, (2.into(), 1.into()));
    scenario.expect_empty_plan()?;
    // What is the default changes nothing in the registry.
    let before = scenario.manifest(ENABLED)?.digest;
    scenario.configure("min_layer_size = 0\n  multi_member_layers = false")?;
    scenario.terraform.apply()?;
    assert_eq!(scenario.manifest(ENABLED)?.digest, before);

    scenario.configure(included)?;
    assert_eq!(scenario.terraform.planned(ADDRESS)?, ["update"]);
    scenario.terraform.apply()?;
    assert_eq!(counts()?, (3.into(), 0.into()));
    scenario.expect_empty_plan()?;

    // An import sees the option in the index.
    let id = scenario.resource()?.text("id")?.to_owned();
    let removal = ["state", "rm", ADDRESS];
    scenario.terraform.run(&removal)?.success()?;
    scenario.terraform.import(ADDRESS, &id)?;
    assert_eq!(scenario.resource()?.values["multi_member_layers"], true);
    scenario.expect_empty_plan()
}

#[test]
fn docker_layer_types_are_renamed_on_request() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| {
        let layers = layers(layout, Compression::Gzip, 1)?;
        layout.image("amd64", MediaTypes::Docker, &layers)
    })?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = configured(&reference, "")?;
    let scenario = Scenario {
        registry,
        terraform,
    };
    let types = || -> Result<Vec<String>> {
        let root = scenario.manifest(ENABLED)?;
        assert_eq!(root.media_type, INDEX_TYPE);
        let image = text(&list(&root.json, "manifests")?[0]["digest"])?.to_owned();
        let image = scenario.manifest(&image)?;
        let layers = list(&image.json, "layers")?.iter();
        let types = layers.map(|layer| Ok(text(&layer["mediaType"])?.to_owned()));
        types.collect()
    };
    scenario.terraform.apply()?;
    let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    assert_eq!(types()?, [docker; 2]);
    scenario.configure("oci_layer_types = true")?;
    assert_eq!(scenario.terraform.planned(ADDRESS)?, ["update"]);
    scenario.terraform.apply()?;
    let oci = "application/vnd.oci.image.layer.v1.tar+gzip";
    assert_eq!(types()?, [oci; 2]);
    scenario.expect_enabled()?;
    scenario.expect_empty_plan()
}
