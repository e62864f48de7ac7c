//! Shared content survives: equal content has equal digests, and others may use it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::image::{Archive, Compression, Layout, MediaTypes, noise};
use tests::registry::Registry;
use tests::terraform::{Terraform, Version};

use crate::scenario::{
    ADDRESS, ENABLED, REPOSITORY, Scenario, TAG, configured, image, list, push, text,
};

/// An image with one large layer that all seeds share, and one that depends on the seed.
fn related(layout: &Layout, architecture: &str, seed: u64) -> Result<serde_json::Value> {
    let large = |archive: &mut Archive<'_>, seed| archive.file("data", &noise(seed, 11 << 20));
    let base = layout.layer(Compression::Gzip, |archive| large(archive, 1000))?;
    let top = layout.layer(Compression::Gzip, |archive| {
        archive.file("seed", seed.to_string().as_bytes())
    })?;
    layout.image(architecture, MediaTypes::Oci, &[base, top])
}

/// A configuration with these resources and their images.
fn resources(registry: &Registry, names: &BTreeMap<&str, &str>, arguments: &str) -> String {
    let mut text =
        "terraform {\n  required_providers {\n    soci = { source = \"soci/soci\" }\n  }\n}\n"
            .to_owned();
    for (name, tag) in names {
        let image = registry.reference(&format!("{REPOSITORY}:{tag}"));
        text += &format!(
            "resource \"soci_index\" \"{name}\" {{\n  image = \"{image}\"\n  {arguments}\n}}\n"
        );
    }
    text
}

/// Applies these resources.
fn applied(
    registry: &Registry,
    names: &BTreeMap<&str, &str>,
    arguments: &str,
) -> Result<Terraform> {
    let terraform = Terraform::overriding(Version::OnPath)?;
    terraform.write("main.tf", &resources(registry, names, arguments))?;
    terraform.apply()?;
    Ok(terraform)
}

/// Checks that every manifest in the index with this tag exists.
fn expect_whole(registry: &Registry, tag: &str) -> Result<()> {
    let index = registry.expect_manifest(REPOSITORY, tag)?;
    for descriptor in list(&index.json, "manifests")? {
        let digest = text(&descriptor["digest"])?;
        let manifest = registry.manifest(REPOSITORY, digest)?;
        ensure!(manifest.is_some(), "{tag} lists {digest}, which is gone");
    }
    Ok(())
}

#[test]
fn destroying_an_index_keeps_shared_manifests() -> Result<()> {
    let registry = Registry::start()?;
    for (tag, seed) in [("1", 1), ("2", 2)] {
        // Only amd64 differs; the manifest and the SOCI index of arm64 are shared.
        push(&registry, tag, |layout| {
            let manifests = [
                related(layout, "amd64", seed)?,
                related(layout, "arm64", 9)?,
            ];
            layout.index(MediaTypes::Oci, &manifests)
        })?;
    }
    let both = BTreeMap::from([("a", "1"), ("b", "2")]);
    let terraform = applied(&registry, &both, "")?;
    let one = BTreeMap::from([("b", "2")]);
    terraform.write("main.tf", &resources(&registry, &one, ""))?;
    terraform.apply()?;
    assert_eq!(registry.tags(REPOSITORY)?, ["1", "2", "2-soci"]);
    expect_whole(&registry, "2-soci")?;
    for source in ["1", "2"] {
        expect_whole(&registry, source)?;
    }
    terraform.expect_empty_plan()?;
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, ["1", "2"]);
    Ok(())
}

#[test]
fn an_update_keeps_tags_on_the_old_image() -> Result<()> {
    let registry = Registry::start()?;
    for tag in ["1.0", "latest"] {
        push(&registry, tag, |layout| image(layout, "amd64", 1))?;
    }
    let both = BTreeMap::from([("one", "1.0"), ("latest", "latest")]);
    let terraform = applied(&registry, &both, "")?;
    push(&registry, "latest", |layout| image(layout, "amd64", 2))?;
    terraform.apply()?;
    expect_whole(&registry, "1.0-soci")?;
    expect_whole(&registry, "latest-soci")?;
    terraform.expect_empty_plan()?;
    terraform.destroy()?;
    let left = registry.tags(REPOSITORY)?;
    assert!(
        left.contains(&"1.0".to_owned()) && left.contains(&"latest".to_owned()),
        "{left:?}"
    );
    Ok(())
}

#[test]
fn a_promoted_tag_survives_destroy() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let enabled = scenario.manifest(ENABLED)?;
    let registry = &scenario.registry;
    registry.put_manifest(REPOSITORY, "prod", &enabled.media_type, &enabled.body)?;
    scenario.terraform.destroy()?;
    assert_eq!(scenario.manifest("prod")?.digest, enabled.digest);
    expect_whole(registry, "prod")
}

#[test]
fn create_before_destroy() -> Result<()> {
    let registry = Registry::start()?;
    for (tag, seed) in [("1", 1), ("2", 2)] {
        push(&registry, tag, |layout| related(layout, "amd64", seed))?;
    }
    let before = "lifecycle { create_before_destroy = true }";
    let terraform = applied(&registry, &BTreeMap::from([("this", "1")]), before)?;
    let second = BTreeMap::from([("this", "2")]);
    terraform.write("main.tf", &resources(&registry, &second, before))?;
    terraform.apply()?;
    expect_whole(&registry, "2-soci")?;
    terraform.expect_empty_plan()
}

#[test]
fn destroying_one_of_two_resources_on_a_v1_index() -> Result<()> {
    let registry = Registry::start()?;
    for tag in ["1", "2"] {
        push(&registry, tag, |layout| image(layout, "amd64", 1))?;
    }
    let v1 = "index_version = \"V1\"";
    let first = BTreeMap::from([("a", "1")]);
    let terraform = applied(&registry, &first, v1)?;
    let digest = terraform
        .expect_resource("soci_index.a")?
        .text("digest")?
        .to_owned();
    let both = BTreeMap::from([("a", "1"), ("b", "2")]);
    terraform.write("main.tf", &resources(&registry, &both, v1))?;
    terraform.apply()?;
    // The second resource found the index in place, so it does not remove it.
    terraform.write("main.tf", &resources(&registry, &first, v1))?;
    terraform.apply()?;
    assert!(registry.manifest(REPOSITORY, &digest)?.is_some());
    terraform.expect_empty_plan()?;
    terraform.destroy()?;
    assert!(registry.manifest(REPOSITORY, &digest)?.is_none());
    Ok(())
}

#[test]
fn an_existing_tag_is_not_overwritten() -> Result<()> {
    let scenario = Scenario::new("")?;
    push(&scenario.registry, ENABLED, |layout| {
        image(layout, "amd64", 5)
    })?;
    let stranger = scenario.manifest(ENABLED)?;
    let (errors, output) = scenario.terraform.failing_apply()?;
    let error = errors.first().context("no error")?;
    assert!(
        error.detail.contains(ENABLED) && error.detail.contains(&scenario.image()),
        "{output}"
    );
    assert_eq!(scenario.manifest(ENABLED)?.digest, stranger.digest);
    assert!(scenario.terraform.resource(ADDRESS)?.is_none());
    Ok(())
}

#[test]
fn missing_content_is_pushed_again() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let enabled = scenario.manifest(ENABLED)?;
    let manifest = text(&list(&enabled.json, "manifests")?[0]["digest"])?.to_owned();
    scenario.registry.delete_manifest(REPOSITORY, &manifest)?;
    scenario.expect_changes()?;
    scenario.terraform.apply()?;
    expect_whole(&scenario.registry, ENABLED)?;
    scenario.expect_empty_plan()?;
    scenario.registry.delete_manifest(REPOSITORY, &manifest)?;
    scenario.terraform.destroy()?;
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

#[test]
fn a_404_without_an_oci_error_is_not_drift() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    let terraform = configured(&proxy.reference(&format!("{REPOSITORY}:{TAG}")), "")?;
    terraform.apply()?;
    for method in ["HEAD", "GET"] {
        proxy.add(Rule::new(method, "/manifests/", Fault::Answer(404)));
    }
    assert!(terraform.plan().is_err());
    let refreshed = terraform.run(&["apply", "-refresh-only", "-auto-approve", "-input=false"])?;
    assert!(!refreshed.status.success(), "{refreshed}");
    assert!(terraform.resource(ADDRESS)?.is_some());
    proxy.heal();
    terraform.expect_empty_plan()
}

#[test]
fn a_failed_update_keeps_the_old_index() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    let terraform = configured(&proxy.reference(&format!("{REPOSITORY}:{TAG}")), "")?;
    terraform.apply()?;
    let first = terraform
        .expect_resource(ADDRESS)?
        .text("digest")?
        .to_owned();
    push(&registry, TAG, |layout| image(layout, "amd64", 2))?;
    proxy.add(Rule::new(
        "PUT",
        &format!("/manifests/{ENABLED}"),
        Fault::Answer(403),
    ));
    terraform.failing_apply()?;
    assert_eq!(terraform.expect_resource(ADDRESS)?.text("digest")?, first);
    assert!(registry.manifest(REPOSITORY, &first)?.is_some());
    proxy.heal();
    terraform.apply()?;
    let second = terraform
        .expect_resource(ADDRESS)?
        .text("digest")?
        .to_owned();
    assert_ne!(first, second);
    // The first image can still be pulled until the next update or a destroy.
    assert!(registry.manifest(REPOSITORY, &first)?.is_some());
    terraform.destroy()?;
    for digest in [first, second] {
        assert!(
            registry.manifest(REPOSITORY, &digest)?.is_none(),
            "{digest}"
        );
    }
    Ok(())
}

#[test]
fn importing_an_outdated_index_plans_an_update() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    push(&scenario.registry, TAG, |layout| image(layout, "amd64", 2))?;
    let other = configured(&scenario.image(), "")?;
    other.import(ADDRESS, &format!("V2/{}", scenario.image()))?;
    assert!(other.plan()?.changes);
    other.apply()?;
    let source = scenario.manifest(TAG)?.digest;
    assert_eq!(
        other.expect_resource(ADDRESS)?.text("source_digest")?,
        source
    );
    other.expect_empty_plan()
}
