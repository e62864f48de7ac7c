//! Indexes in registries of other makers, read by the consumer and by other clients.

use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::interrupt::Interrupt;
use tests::registry::Registry;
use tests::{process, wait};

use crate::archive::PLAIN;
use crate::image::packing::Packing;
use crate::machine;
use crate::rootfs;
use crate::scene::{PLATFORM, Scene, Version};
use crate::store::{GoRegistry, Kind, Store};

/// Two layers, of which one is large enough to be indexed.
fn scene<R: Store>(registry: R) -> Result<Scene<R>> {
    Scene::new(registry, |layout| {
        Ok(vec![
            layout.layer(&Packing::Gzip, |tar| {
                tar.file("small", &PLAIN, b"a small layer\n")
            })?,
            layout.layer(&Packing::Gzip, rootfs::large)?,
        ])
    })
}

const ARGUMENTS: [&str; 2] = ["--min-layer-size=1000000", "--span-size=1048576"];

/// Converts, creates, inspects, verifies, mounts and copies in one registry.
fn serves<R: Store>(registry: R) -> Result<()> {
    let mut scene = scene(registry)?;
    scene.index(Version::V1, &ARGUMENTS)?;
    scene.check(PLATFORM, &[false, true])?;
    expect_verified(&scene, &scene.source())?;
    referrers_are_listed(&scene)?;

    scene.index(Version::V2, &ARGUMENTS)?;
    scene.check(PLATFORM, &[false, true])?;
    expect_verified(&scene, &scene.indexed())?;
    copies_are_mounted(&scene)
}

fn expect_verified<R: Store>(scene: &Scene<R>, reference: &str) -> Result<()> {
    let tree = scene.soci(&["inspect"], reference)?;
    ensure!(tree.contains("SOCI index"), "{tree}");
    scene.soci(&["verify"], reference)?;
    Ok(())
}

/// The client of go-containerregistry and that of ORAS find the V1 index.
fn referrers_are_listed<R: Store>(scene: &Scene<R>) -> Result<()> {
    for client in ["crane", "oras"] {
        let output = run_client(scene, &[client, "referrers", &scene.source()])?;
        let found: Value = serde_json::from_str(&output)?;
        let kinds: Vec<_> = found
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|referrer| referrer["artifactType"].as_str())
            .collect();
        assert_eq!(
            kinds,
            ["application/vnd.amazon.soci.index.v1+json"],
            "{client}: {output}"
        );
    }
    Ok(())
}

/// Copies by other clients have the same digest, and the consumer mounts them.
fn copies_are_mounted<R: Store>(scene: &Scene<R>) -> Result<()> {
    let from = scene.indexed();
    run_client(scene, &["crane", "validate", &from])?;
    for client in ["crane", "oras"] {
        let to = scene.registry.reference_to(&format!("copies/{client}:1"));
        let digest = run_client(scene, &[client, "digest", &from])?;
        run_client(scene, &[client, "copy", &from, &to])?;
        assert_eq!(
            run_client(scene, &[client, "digest", &to])?,
            digest,
            "{client}"
        );
        scene.check_image(&to, PLATFORM, &[false, true])?;
    }
    // It loses the artifact types of the SOCI indexes, which the consumer does not need.
    scene
        .registry
        .copy(&scene.indexed_name(), "copies/skopeo:1")?;
    let to = scene.registry.reference_to("copies/skopeo:1");
    scene.check_image(&to, PLATFORM, &[false, true])?;
    Ok(())
}

fn run_client<R: Store>(scene: &Scene<R>, arguments: &[&str]) -> Result<String> {
    let docker = tempfile::tempdir()?;
    scene.registry.login(docker.path())?;
    let mut command = Command::new(machine::program("client")?);
    command.env("DOCKER_CONFIG", docker.path()).args(arguments);
    let output = process::run(&mut command, wait::SOON, &Interrupt::default())?;
    Ok(output.success()?.stdout)
}

#[test]
fn debian_docker_registry_serves_indexes() -> Result<()> {
    serves(Registry::start()?)
}

#[test]
fn debian_docker_registry_serves_indexes_to_a_login() -> Result<()> {
    serves(Registry::start_authenticated()?)
}

#[test]
fn distribution_serves_indexes() -> Result<()> {
    serves(GoRegistry::start(Kind::Distribution)?)
}

#[test]
fn distribution_serves_indexes_to_a_login() -> Result<()> {
    serves(GoRegistry::start(Kind::DistributionBasic)?)
}

#[test]
fn distribution_serves_indexes_for_a_token() -> Result<()> {
    serves(GoRegistry::start(Kind::DistributionToken)?)
}

#[test]
fn crane_serves_indexes_without_the_referrers_api() -> Result<()> {
    serves(GoRegistry::start(Kind::Crane)?)
}

#[test]
fn crane_serves_indexes_with_the_referrers_api() -> Result<()> {
    serves(GoRegistry::start(Kind::CraneReferrers)?)
}
