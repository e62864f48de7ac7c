//! Images, registries and proxies.

use anyhow::Result;
use tests::fake::proxy::Proxy;
use tests::http;
use tests::image::{Compression, Layout, MediaTypes, sha256};
use tests::registry::Registry;

use crate::scenario::{
    INDEX_TYPE, MANIFEST_TYPE, REPOSITORY, TAG, image, layers, list, push, text,
};

#[test]
fn images_are_pushed_byte_for_byte() -> Result<()> {
    let registry = Registry::start()?;
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let gzip = Compression::Gzip;
    let kinds = [
        ("oci", MediaTypes::Oci, gzip, MANIFEST_TYPE),
        ("plain", MediaTypes::Oci, Compression::None, MANIFEST_TYPE),
        ("docker", MediaTypes::Docker, gzip, docker),
    ];
    for (tag, types, compression, media_type) in kinds {
        let mut digest = String::new();
        push(&registry, tag, |layout| {
            let descriptor = layout.image("amd64", types, &layers(layout, compression, 1)?)?;
            text(&descriptor["digest"])?.clone_into(&mut digest);
            Ok(descriptor)
        })?;
        let pushed = registry.expect_manifest(REPOSITORY, tag)?;
        assert_eq!(pushed.digest, digest, "{tag}");
        assert_eq!(pushed.media_type, media_type, "{tag}");
        assert_eq!(sha256(&pushed.body)?, digest, "{tag}");
        for layer in list(&pushed.json, "layers")? {
            assert!(
                registry.has_blob(REPOSITORY, text(&layer["digest"])?)?,
                "{tag}: {layer}"
            );
        }
    }
    assert_eq!(registry.tags(REPOSITORY)?, ["docker", "oci", "plain"]);
    Ok(())
}

#[test]
fn every_platform_is_pushed() -> Result<()> {
    let registry = Registry::start()?;
    let both = |layout: &Layout| {
        let manifests = [image(layout, "amd64", 1)?, image(layout, "arm64", 2)?];
        layout.index(MediaTypes::Oci, &manifests)
    };
    push(&registry, TAG, both)?;
    let index = registry.expect_manifest(REPOSITORY, TAG)?;
    assert_eq!(index.media_type, INDEX_TYPE);
    let manifests = list(&index.json, "manifests")?;
    assert_eq!(manifests.len(), 2);
    for manifest in manifests {
        registry.expect_manifest(REPOSITORY, text(&manifest["digest"])?)?;
    }
    Ok(())
}

#[test]
fn a_registry_deletes_manifests() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let manifest = registry.expect_manifest(REPOSITORY, TAG)?;
    registry.put_manifest(REPOSITORY, "other", &manifest.media_type, &manifest.body)?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG, "other"]);
    registry.delete_manifest(REPOSITORY, &manifest.digest)?;
    assert!(registry.tags(REPOSITORY)?.is_empty());
    assert!(registry.manifest(REPOSITORY, &manifest.digest)?.is_none());
    Ok(())
}

#[test]
fn an_authenticated_registry_requires_the_password() -> Result<()> {
    let registry = Registry::start_authenticated()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let path = format!("/v2/{REPOSITORY}/manifests/{TAG}");
    let anonymous = http::request(registry.address(), "GET", &path, &[], b"")?;
    assert_eq!(anonymous.status, 401);
    assert!(
        anonymous
            .header("www-authenticate")
            .is_some_and(|value| value.starts_with("Basic"))
    );
    assert!(registry.manifest(REPOSITORY, TAG)?.is_some());
    Ok(())
}

#[test]
fn a_proxy_forwards_requests_and_records_ranges() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    let digest = crate::scenario::large_layer(&registry, TAG)?;
    let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
    let whole = http::request(proxy.address(), "GET", &path, &[], b"")?;
    assert_eq!(sha256(&whole.body)?, digest);
    let part = http::request(
        proxy.address(),
        "GET",
        &path,
        &[("Range", "bytes=10-19")],
        b"",
    )?;
    assert_eq!(part.status, 206);
    assert_eq!(part.body, whole.body[10..20]);
    let lengths: Vec<_> = proxy
        .requests()
        .iter()
        .map(tests::fake::proxy::Request::range_length)
        .collect();
    assert_eq!(lengths, [None, Some(10)]);
    Ok(())
}
