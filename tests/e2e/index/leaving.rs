//! A resource that leaves takes along what nobody else relies on, and nothing else.

use anyhow::{Context, Result, ensure};
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::image::MediaTypes;
use tests::registry::Registry;
use tests::terraform::Terraform;

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, TAG, configured, image, list, push, text};

/// Tags of one image.
const TAGS: [&str; 2] = ["1", "latest"];

/// A registry in which both tags name the same image.
fn one_image_of_two_tags() -> Result<Registry> {
    let registry = Registry::start()?;
    for tag in TAGS {
        push(&registry, tag, |layout| image(layout, "amd64", 1))?;
    }
    Ok(registry)
}

/// Checks that a resource's index exists with all that belongs to it.
fn expect_index(registry: &Registry, digest: &str) -> Result<()> {
    let index = registry.expect_manifest(REPOSITORY, digest)?;
    for manifest in index.json["manifests"].as_array().into_iter().flatten() {
        let manifest = text(&manifest["digest"])?;
        let found = registry.manifest(REPOSITORY, manifest)?;
        ensure!(found.is_some(), "{digest} lists {manifest}, which is gone");
    }
    Ok(())
}

/// Checks that an index is gone, and every tag but those of the image.
fn expect_gone(registry: &Registry, digest: &str, tags: &[&str]) -> Result<()> {
    let index = registry.manifest(REPOSITORY, digest)?;
    ensure!(index.is_none(), "{digest} is still there");
    let left = registry.tags(REPOSITORY)?;
    ensure!(left == tags, "tags left: {left:?}");
    Ok(())
}

/// Indexes two images from two configurations, and destroys them in either order. They share the
/// index, so it must go with the last of them.
fn leave(registry: &Registry, images: [&str; 2], arguments: &str) -> Result<()> {
    let tags = registry.tags(REPOSITORY)?;
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    for first_to_leave in [0, 1] {
        let mut configurations: Vec<Terraform> = Vec::new();
        for image in images {
            let terraform = configured(image, arguments)?;
            terraform.apply()?;
            configurations.push(terraform);
        }
        let digest = configurations[0].expect_resource(ADDRESS)?;
        let digest = digest.text("digest")?.to_owned();
        let stays = &configurations[1 - first_to_leave];
        ensure!(stays.expect_resource(ADDRESS)?.text("digest")? == digest);
        configurations[first_to_leave].destroy()?;
        expect_index(registry, &digest)?;
        stays
            .expect_empty_plan()
            .with_context(|| format!("{first_to_leave} left {arguments}"))?;
        stays.destroy()?;
        expect_gone(registry, &digest, &tags)
            .with_context(|| format!("{first_to_leave} left first {arguments}"))?;
    }
    Ok(())
}

#[test]
fn two_tags_of_one_digest_in_two_configurations() -> Result<()> {
    for version in ["V1", "V2"] {
        let registry = one_image_of_two_tags()?;
        let images = TAGS.map(|tag| registry.reference(&format!("{REPOSITORY}:{tag}")));
        let arguments = format!("index_version = \"{version}\"");
        leave(&registry, [&images[0], &images[1]], &arguments)?;
    }
    Ok(())
}

#[test]
fn one_image_in_two_configurations() -> Result<()> {
    for version in ["V1", "V2"] {
        let registry = one_image_of_two_tags()?;
        let image = registry.reference(&format!("{REPOSITORY}:{}", TAGS[0]));
        let arguments = format!("index_version = \"{version}\"");
        leave(&registry, [&image, &image], &arguments)?;
    }
    Ok(())
}

#[test]
fn a_digest_in_two_configurations() -> Result<()> {
    let registry = one_image_of_two_tags()?;
    let digest = registry.expect_manifest(REPOSITORY, TAGS[0])?.digest;
    let image = format!("{}@{digest}", registry.reference(REPOSITORY));
    leave(&registry, [&image, &image], "")
}

#[test]
fn for_each_that_shrinks_and_ends() -> Result<()> {
    for version in ["V1", "V2"] {
        for gone in [0, 1] {
            let registry = one_image_of_two_tags()?;
            let repository = registry.reference(REPOSITORY);
            let configure = |terraform: &Terraform, tags: &[&str]| {
                let arguments =
                    format!("for_each = toset({tags:?})\n  index_version = \"{version}\"");
                let text = tests::terraform::configuration("IMAGE", &arguments);
                let image = format!("\"{repository}:${{each.key}}\"");
                terraform.write("main.tf", &text.replace("\"IMAGE\"", &image))
            };
            let terraform = configured("IMAGE", "")?;
            // One after the other: the second finds what the first published.
            for count in [1, 2] {
                configure(&terraform, &TAGS[..count])?;
                terraform.apply()?;
            }
            let stays = TAGS[1 - gone];
            let address = format!("soci_index.this[\"{stays}\"]");
            let digest = terraform.expect_resource(&address)?;
            let digest = digest.text("digest")?.to_owned();
            configure(&terraform, &[stays])?;
            terraform.apply()?;
            expect_index(&registry, &digest)?;
            terraform.expect_empty_plan()?;
            terraform.destroy()?;
            expect_gone(&registry, &digest, &TAGS)?;
        }
    }
    Ok(())
}

#[test]
fn both_at_once() -> Result<()> {
    for version in ["V1", "V2"] {
        let registry = one_image_of_two_tags()?;
        let repository = registry.reference(REPOSITORY);
        let arguments = format!("for_each = toset({TAGS:?})\n  index_version = \"{version}\"");
        let text = tests::terraform::configuration("IMAGE", &arguments);
        let image = format!("\"{repository}:${{each.key}}\"");
        let terraform = configured("IMAGE", "")?;
        terraform.write("main.tf", &text.replace("\"IMAGE\"", &image))?;
        terraform.apply()?;
        let digest = terraform.expect_resource("soci_index.this[\"1\"]")?;
        let digest = digest.text("digest")?.to_owned();
        terraform.expect_empty_plan()?;
        terraform.destroy()?;
        expect_gone(&registry, &digest, &TAGS).with_context(|| version.to_owned())?;
    }
    Ok(())
}

#[test]
fn an_index_that_a_person_published_stays() -> Result<()> {
    for version in ["V1", "V2"] {
        let registry = one_image_of_two_tags()?;
        let image = registry.reference(&format!("{REPOSITORY}:{}", TAGS[0]));
        let arguments = format!("index_version = \"{version}\"");
        // It is never destroyed: from here on, nothing tells who published the index.
        let forgotten = configured(&image, &arguments)?;
        forgotten.apply()?;
        let digest = forgotten.expect_resource(ADDRESS)?;
        let digest = digest.text("digest")?.to_owned();
        leave_it(&registry, &image, &arguments, &digest)?;
    }
    Ok(())
}

fn leave_it(registry: &Registry, image: &str, arguments: &str, digest: &str) -> Result<()> {
    for _ in 0..2 {
        let terraform = configured(image, arguments)?;
        terraform.apply()?;
        terraform.destroy()?;
        expect_index(registry, digest)?;
    }
    Ok(())
}

#[test]
fn what_the_registry_keeps_is_whole_and_named() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    let terraform = configured(&proxy.reference(&format!("{REPOSITORY}:{TAG}")), "")?;
    terraform.apply()?;
    // Accepted, and not done.
    proxy.add(Rule::new(
        "DELETE",
        "/manifests/sha256:",
        Fault::Answer(202),
    ));
    let output = terraform.destroy()?.all();
    ensure!(output.contains("Index not fully removed"), "{output}");
    ensure!(output.contains(ENABLED), "{output}");
    let enabled = registry.expect_manifest(REPOSITORY, ENABLED)?;
    expect_index(&registry, &enabled.digest)
}

#[test]
fn a_denied_removal_names_the_right_and_the_argument() -> Result<()> {
    for version in ["V1", "V2"] {
        let registry = Registry::start()?;
        push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
        let proxy = Proxy::start(registry.address())?;
        let arguments = format!("index_version = \"{version}\"");
        let image = proxy.reference(&format!("{REPOSITORY}:{TAG}"));
        let terraform = configured(&image, &arguments)?;
        terraform.apply()?;
        proxy.add(Rule::new("DELETE", "/manifests/", Fault::Answer(403)));
        let destroy = ["destroy", "-no-color", "-input=false", "-auto-approve"];
        let output = terraform.run(&destroy)?;
        ensure!(!output.status.success(), "{output}");
        let output = output.all();
        for wanted in ["403", "keep_on_destroy", "permission to delete"] {
            ensure!(output.contains(wanted), "no {wanted:?} in {output}");
        }
        ensure!(!output.contains("docker login"), "{output}");
        // As it says.
        proxy.heal();
        let digest = terraform.expect_resource(ADDRESS)?;
        let digest = digest.text("digest")?.to_owned();
        proxy.add(Rule::new("DELETE", "/manifests/", Fault::Answer(403)));
        let kept = format!("{arguments}\n  keep_on_destroy = true");
        terraform.write("main.tf", &tests::terraform::configuration(&image, &kept))?;
        terraform.apply()?;
        terraform.destroy()?;
        expect_index(&registry, &digest)?;
    }
    Ok(())
}

#[test]
fn an_enabled_image_is_not_enabled_again() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let source = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    configured(&source, "")?.apply()?;
    let before = registry.tags(REPOSITORY)?;
    for version in ["V1", "V2"] {
        let arguments = format!("index_version = \"{version}\"");
        let enabled = registry.reference(&format!("{REPOSITORY}:{ENABLED}"));
        let (errors, output) = configured(&enabled, &arguments)?.failing_apply()?;
        let error = errors.first().context("no error")?;
        ensure!(error.summary == "Image is already SOCI-enabled", "{output}");
        ensure!(error.detail.contains(&format!("{source}.")), "{output}");
        ensure!(registry.tags(REPOSITORY)? == before);
    }
    Ok(())
}

#[test]
fn a_missing_part_is_not_a_missing_image() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| {
        let manifests = [image(layout, "amd64", 1)?, image(layout, "arm64", 2)?];
        layout.index(MediaTypes::Oci, &manifests)
    })?;
    let root = registry.expect_manifest(REPOSITORY, TAG)?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = configured(&reference, "platforms = [\"linux/amd64\"]")?;
    terraform.apply()?;
    let part = text(&list(&root.json, "manifests")?[1]["digest"])?.to_owned();
    registry.delete_manifest(REPOSITORY, &part)?;
    terraform.write("main.tf", &tests::terraform::configuration(&reference, ""))?;
    let (errors, output) = terraform.failing_apply()?;
    let error = errors.first().context("no error")?;
    ensure!(error.summary == "Image is incomplete", "{output}");
    ensure!(error.detail.contains(&part), "{output}");
    Ok(())
}
