//! Create, refresh, destroy.

use anyhow::{Result, ensure};
use tests::image::{Compression, MediaTypes, sha256};
use tests::registry::Registry;

use crate::scenario::{
    ADDRESS, ENABLED, MANIFEST_TYPE, REPOSITORY, Scenario, TAG, configured, image, layers, list,
    push, text,
};

#[test]
fn v2_is_created_refreshed_and_destroyed() -> Result<()> {
    let scenario = Scenario::new("")?;
    let source = scenario.manifest(TAG)?;
    scenario.terraform.validate()?;
    assert_eq!(scenario.terraform.planned(ADDRESS)?, ["create"]);
    scenario.terraform.apply()?;

    let enabled = scenario.manifest(ENABLED)?;
    let repository = scenario.registry.reference(REPOSITORY);
    let resource = scenario.resource()?;
    assert!(!resource.tainted);
    assert_eq!(resource.text("image")?, scenario.image());
    assert_eq!(resource.text("index_version")?, "V2");
    assert_eq!(resource.text("id")?, format!("V2/{}", scenario.image()));
    assert_eq!(resource.text("source_digest")?, source.digest);
    assert_eq!(resource.text("digest")?, enabled.digest);
    assert_eq!(
        resource.text("image_uri")?,
        format!("{repository}@{}", enabled.digest)
    );
    assert_eq!(sha256(&enabled.body)?, enabled.digest);

    let indexes = scenario.expect_enabled()?;
    assert_eq!(indexes.len(), 1);
    // The small layer is below the threshold.
    assert_eq!(list(&indexes[0].json, "layers")?.len(), 1);
    scenario.expect_empty_plan()?;

    scenario.terraform.destroy()?;
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    assert_eq!(scenario.manifest(TAG)?.digest, source.digest);
    let descriptors = list(&enabled.json, "manifests")?;
    let mut created = vec![enabled.digest.as_str()];
    for descriptor in descriptors {
        created.push(text(&descriptor["digest"])?);
    }
    for digest in created {
        let left = scenario.registry.manifest(REPOSITORY, digest)?;
        assert!(left.is_none(), "{digest} is left after destroy");
    }
    assert!(scenario.terraform.resource(ADDRESS)?.is_none());
    Ok(())
}

#[test]
fn v1_refers_to_the_source_without_changing_it() -> Result<()> {
    let scenario = Scenario::new("index_version = \"V1\"")?;
    let source = scenario.manifest(TAG)?;
    scenario.terraform.apply()?;

    let repository = scenario.registry.reference(REPOSITORY);
    let resource = scenario.resource()?;
    let digest = resource.text("digest")?;
    assert_eq!(resource.text("index_version")?, "V1");
    assert_eq!(resource.text("id")?, format!("V1/{}", scenario.image()));
    assert_eq!(resource.text("source_digest")?, source.digest);
    assert_eq!(
        resource.text("image_uri")?,
        format!("{repository}@{}", source.digest)
    );

    let index = scenario.expect_index(digest)?;
    assert_eq!(index.media_type, MANIFEST_TYPE);
    assert_eq!(
        index.json["config"]["mediaType"],
        "application/vnd.amazon.soci.index.v1+json"
    );
    assert_eq!(index.json["subject"]["digest"], source.digest);
    // This registry has no referrers API, so there is a referrers tag.
    let fallback = source.digest.replace(':', "-");
    let referrers = scenario.manifest(&fallback)?;
    let referrers = list(&referrers.json, "manifests")?;
    assert!(
        referrers
            .iter()
            .any(|referrer| referrer["digest"] == digest),
        "{referrers:?}"
    );
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG, &fallback]);
    scenario.expect_empty_plan()?;

    scenario.terraform.destroy()?;
    assert!(scenario.registry.manifest(REPOSITORY, digest)?.is_none());
    assert_eq!(
        scenario.registry.tags(REPOSITORY)?,
        [TAG],
        "an empty list of referrers is left"
    );
    assert_eq!(scenario.manifest(TAG)?.digest, source.digest);
    Ok(())
}

#[test]
fn every_platform_gets_an_index() -> Result<()> {
    let scenario = of_image(|layout| {
        let amd64 = image(layout, "amd64", 1)?;
        let arm64 = image(layout, "arm64", 2)?;
        layout.index(MediaTypes::Oci, &[amd64, arm64])
    })?;
    scenario.terraform.apply()?;
    let indexes = scenario.expect_enabled()?;
    assert_eq!(indexes.len(), 2);
    assert_ne!(indexes[0].digest, indexes[1].digest);
    scenario.expect_empty_plan()?;
    scenario.terraform.destroy()?;
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

#[test]
fn docker_media_types_become_oci() -> Result<()> {
    let scenario = of_image(|layout| {
        let layers = layers(layout, Compression::Gzip, 1)?;
        layout.image("amd64", MediaTypes::Docker, &layers)
    })?;
    let source = scenario.manifest(TAG)?;
    ensure!(
        source.media_type.contains("docker"),
        "pushed as {}",
        source.media_type
    );
    scenario.terraform.apply()?;
    assert_eq!(scenario.expect_enabled()?.len(), 1);
    let enabled = scenario.manifest(ENABLED)?;
    assert_eq!(
        list(&enabled.json, "manifests")?[0]["mediaType"],
        MANIFEST_TYPE
    );
    scenario.expect_empty_plan()
}

#[test]
fn an_uncompressed_layer_gets_a_ztoc() -> Result<()> {
    let scenario = of_image(|layout| {
        let layers = layers(layout, Compression::None, 1)?;
        layout.image("amd64", MediaTypes::Oci, &layers)
    })?;
    scenario.terraform.apply()?;
    let indexes = scenario.expect_enabled()?;
    let annotations = &list(&indexes[0].json, "layers")?[0]["annotations"];
    assert_eq!(
        annotations["com.amazon.soci.image-layer-mediaType"],
        "application/vnd.oci.image.layer.v1.tar"
    );
    scenario.expect_empty_plan()
}

#[test]
fn a_lower_threshold_includes_small_layers() -> Result<()> {
    let scenario = Scenario::new("min_layer_size = 0\n  span_size = 65536")?;
    scenario.terraform.apply()?;
    let indexes = scenario.expect_enabled()?;
    let layers = list(&indexes[0].json, "layers")?;
    assert_eq!(layers.len(), 2);
    for layer in layers {
        assert_eq!(layer["annotations"]["com.amazon.soci.span-size"], "65536");
    }
    scenario.expect_empty_plan()
}

/// A scenario with the image that `build` adds to a layout.
fn of_image(
    build: impl FnOnce(&tests::image::Layout) -> Result<serde_json::Value>,
) -> Result<Scenario> {
    let registry = Registry::start()?;
    push(&registry, TAG, build)?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    Ok(Scenario {
        terraform: configured(&reference, "")?,
        registry,
    })
}
