//! The Lambda functions.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use tests::fake::lambda::{FakeLambda, push_event};
use tests::image::{Compression, Layout, MediaTypes, noise};
use tests::interrupt::Interrupt;
use tests::process::Process;
use tests::registry::Registry;
use tests::skopeo;

use crate::release::{self, Platform, VERSION};

/// Time limit of an invocation: QEMU is slow.
const AMPLE: Duration = Duration::from_secs(300);

const REPOSITORY: &str = "shop/web";

/// Pushes the image that all platforms index. Returns its digest.
fn push(registry: &Registry) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let layout = Layout::create(directory.path())?;
    let layer = layout.layer(Compression::Gzip, |archive| {
        archive.file("etc/os-release", b"ID=test\n")?;
        archive.file("data/noise", &noise(1, 600_000))
    })?;
    layout.publish(&layout.image("amd64", MediaTypes::Oci, &[layer])?)?;
    let name = format!("{REPOSITORY}:1");
    skopeo::push(directory.path(), registry, &name, &Interrupt::default())?;
    Ok(registry.expect_manifest(REPOSITORY, "1")?.digest)
}

/// Lets the index generator of a platform index the image. Returns the digest of what it published.
fn index(platform: Platform) -> Result<String> {
    let registry = Registry::start_authenticated()?;
    let digest = push(&registry)?;
    let architecture = match platform {
        Platform::Amd64 => "x86_64",
        Platform::Arm64 => "arm64",
    };
    let zip = release::file(&format!(
        "soci-index-generator_{VERSION}_{architecture}.zip"
    ))?;
    let directory = tempfile::tempdir()?;
    let program = directory.path().join("bootstrap");
    fs::write(&program, release::unzip(&zip, "bootstrap")?)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;

    let fake = FakeLambda::start(&format!("http://{}", registry.address()))?;
    let mut words = release::runner(platform)?;
    words.push(program);
    let (program, arguments) = words.split_first().ok_or(anyhow!("no program"))?;
    let mut command = fake.command(program, "1024");
    command.args(arguments).envs([
        ("soci_index_version", "V2"),
        ("soci_min_layer_size", "0"),
        ("soci_span_size", "65536"),
    ]);
    let process = Process::start(&mut command, None)?;
    let event = push_event(REPOSITORY, &digest, Some("1"));
    let answer = fake.answer(fake.send(event, AMPLE));
    let answer = answer.map_err(|error| anyhow!("{error}\n{}", process.output_so_far()))?;
    ensure!(answer.is_ok(), "{answer:?}\n{}", process.output_so_far());
    Ok(registry.expect_manifest(REPOSITORY, "1-soci")?.digest)
}

#[test]
fn publish_the_same_index_on_each_architecture() -> Result<()> {
    let digests: Vec<_> = Platform::ALL
        .into_iter()
        .map(index)
        .collect::<Result<_>>()?;
    assert_eq!(digests[0], digests[1]);
    Ok(())
}
