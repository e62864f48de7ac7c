//! Indexes in registries of other makers, read by the consumer and by other clients.

use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::interrupt::Interrupt;
use tests::registry::Registry;
use tests::terraform::{Terraform, configuration};
use tests::{process, wait};

use crate::archive::PLAIN;
use crate::image::packing::Packing;
use crate::machine;
use crate::record::{Table, passed};
use crate::rootfs;
use crate::scene::{PLATFORM, REPOSITORY, Scene, Version};
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

const SPAN: u64 = 1 << 20;
const ARGUMENTS: [&str; 2] = ["--min-layer-size=1000000", "--span-size=1048576"];

/// The resource in the configurations.
const ADDRESS: &str = "soci_index.this";

/// Converts, creates, inspects, verifies, mounts, copies and removes in one registry.
fn serves<R: Store>(registry: R) -> Result<()> {
    let mut scene = scene(registry)?;
    let by_terraform = terraform_creates_and_destroys_v1(&scene)?;
    scene.index(Version::V1, &ARGUMENTS)?;
    let by_command_line = run_client(&scene, &["oras", "referrers", &scene.source()])?;
    assert!(by_command_line.contains(&by_terraform), "{by_command_line}");
    scene.check(PLATFORM, &[false, true])?;
    expect_verified(&scene, &scene.source())?;
    referrers_are_listed(&scene)?;
    let found_by = expect_found_by(&scene)?;

    scene.index(Version::V2, &ARGUMENTS)?;
    scene.check(PLATFORM, &[false, true])?;
    expect_verified(&scene, &scene.indexed())?;
    terraform_creates_updates_and_destroys_v2(&scene)?;
    copies_are_mounted(&scene)?;
    let registry = &scene.registry;
    passed(
        Table::Registries,
        &[
            registry.name(),
            registry.connection(),
            registry.login_kind(),
            found_by,
        ],
    )
}

/// The provider publishes a V1 index, and takes it back. Returns the digest of it.
fn terraform_creates_and_destroys_v1<R: Store>(scene: &Scene<R>) -> Result<String> {
    let terraform = terraform(scene, "index_version = \"V1\"", SPAN)?;
    terraform.apply()?;
    let resource = terraform.expect_resource(ADDRESS)?;
    let digest = resource.text("digest")?.to_owned();
    terraform.expect_empty_plan()?;
    let listed = run_client(scene, &["oras", "referrers", &scene.source()])?;
    assert!(listed.contains(&digest), "{listed}");
    scene.check_image(&scene.source(), PLATFORM, &[false, true])?;
    terraform.destroy()?;
    let listed = run_client(scene, &["oras", "referrers", &scene.source()])?;
    assert_eq!(listed.trim(), "null", "the index is left");
    Ok(digest)
}

/// The provider publishes what the command line does, another one in its place, and nothing of
/// it stays but what the command line published.
fn terraform_creates_updates_and_destroys_v2<R: Store>(scene: &Scene<R>) -> Result<()> {
    const TAG: &str = "tag = \"terraform\"";
    let image = scene
        .registry
        .reference_to(&format!("{REPOSITORY}:terraform"));
    let terraform = terraform(scene, TAG, SPAN)?;
    terraform.apply()?;
    let digest = run_client(scene, &["crane", "digest", &image])?;
    let by_command_line = run_client(scene, &["crane", "digest", &scene.indexed()])?;
    assert_eq!(digest, by_command_line);

    configure(&terraform, scene, TAG, 2 * SPAN)?;
    assert_eq!(terraform.planned(ADDRESS)?, ["update"]);
    terraform.apply()?;
    assert_ne!(run_client(scene, &["crane", "digest", &image])?, digest);
    scene.check_image(&image, PLATFORM, &[false, true])?;
    terraform.destroy()?;
    let gone = run_client(scene, &["crane", "digest", &image]);
    ensure!(gone.is_err(), "{image} is left");
    assert_eq!(
        run_client(scene, &["crane", "digest", &scene.indexed()])?,
        digest
    );
    Ok(())
}

fn terraform<R: Store>(scene: &Scene<R>, arguments: &str, span_size: u64) -> Result<Terraform> {
    let terraform = Terraform::new()?;
    let docker = tempfile::tempdir()?;
    scene.registry.login(docker.path())?;
    let logins = std::fs::read_to_string(docker.path().join("config.json"))?;
    terraform.docker_config(&logins)?;
    configure(&terraform, scene, arguments, span_size)?;
    terraform.init()?;
    Ok(terraform)
}

fn configure<R: Store>(
    terraform: &Terraform,
    scene: &Scene<R>,
    arguments: &str,
    span_size: u64,
) -> Result<()> {
    let arguments = format!("{arguments}\n  min_layer_size = 1000000\n  span_size = {span_size}");
    let mut text = configuration(&scene.source(), &arguments);
    if let Some(authority) = scene.registry.authority() {
        let (host, authority) = (scene.registry.host(), authority.display());
        text.push_str(&format!(
            "\nprovider \"soci\" {{\n  registry_auth {{\n    address = \"{host}\"\n    ca_file = \
             \"{authority}\"\n  }}\n}}\n"
        ));
    }
    terraform.write("main.tf", &text)
}

/// How the consumer found the V1 index: by the registry's own list, or by the tag that clients
/// maintain where there is none, never by both.
fn expect_found_by<R: Store>(scene: &Scene<R>) -> Result<&'static str> {
    let source = run_client(scene, &["crane", "digest", &scene.source()])?;
    let tag = source.trim().replace(':', "-");
    let tag = scene.registry.reference_to(&format!("{REPOSITORY}:{tag}"));
    let tagged = run_client(scene, &["crane", "digest", &tag]).is_ok();
    let request = format!("\"GET /v2/{REPOSITORY}/referrers/sha256:");
    let log = scene.registry.access_log();
    let asked: Vec<_> = log.lines().filter(|line| line.contains(&request)).collect();
    let answered = asked.iter().any(|line| line.contains("\" 200 "));
    ensure!(!asked.is_empty(), "nobody asked for referrers:\n{log}");
    let lists = scene.registry.lists_referrers();
    assert_eq!((answered, tagged), (lists, !lists), "{asked:#?}");
    Ok(if lists { "referrers API" } else { "tag" })
}

fn expect_verified<R: Store>(scene: &Scene<R>, reference: &str) -> Result<()> {
    let tree = scene.soci(&["inspect"], reference)?;
    ensure!(tree.contains("SOCI index"), "{tree}");
    scene.soci(&["verify"], reference)?;
    Ok(())
}

/// Every client finds the V1 index.
fn referrers_are_listed<R: Store>(scene: &Scene<R>) -> Result<()> {
    for client in ["crane", "oras", "regctl"] {
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
    for client in ["crane", "oras", "regctl"] {
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
    command.env("DOCKER_CONFIG", docker.path());
    scene.registry.trust(&mut command);
    if scene.registry.authority().is_some() {
        command.arg("-tls");
    }
    command.args(arguments);
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
fn debian_docker_registry_serves_indexes_over_tls() -> Result<()> {
    serves(Registry::start_with_tls()?)
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

#[test]
fn olareg_serves_indexes() -> Result<()> {
    serves(GoRegistry::start(Kind::Olareg)?)
}
