//! Memory: all resources of one provider share a limit.

use anyhow::{Result, ensure};
use rustix::process::Pid;
use tests::binaries;
use tests::image::{Compression, MediaTypes};
use tests::process::{file_memory, peak_memory};
use tests::registry::Registry;
use tfplugin_sdk::Value;
use tfplugin_sdk::testing::{Instance, Plugin};

use crate::scenario::{REPOSITORY, push};

/// Number of resources, as many as Terraform creates at the same time.
const RESOURCES: usize = 10;
/// Files of a layer, each of which takes some 280 bytes: together they take more than the limit.
const FILES: usize = 60_000;
/// The least limit, in MB.
const LIMIT: u64 = 128;

#[tokio::test(flavor = "multi_thread")]
async fn ten_indexes_at_once_stay_under_the_limit() -> Result<()> {
    let registry = Registry::start()?;
    for number in 0..RESOURCES {
        push(&registry, &number.to_string(), |layout| {
            let layer = layout.layer(Compression::Gzip, |archive| {
                (0..FILES).try_for_each(|file| archive.file(&format!("{number}/{file}"), b""))
            })?;
            layout.image("amd64", MediaTypes::Oci, &[layer])
        })?;
    }
    let plugin = Plugin::start(binaries::built("terraform-provider-soci")?).await?;
    let provider = plugin.connect().await?.provider().await?;
    let limit = i64::try_from(LIMIT)?;
    let config = Value::object([("memory_limit", limit.into())]);
    provider.configure(&config).await?.ok()?;
    let creates = (0..RESOURCES).map(|number| {
        let image = registry.reference(&format!("{REPOSITORY}:{number}"));
        let config = Value::object([("image", image.into()), ("min_layer_size", 0_i64.into())]);
        let provider = provider.clone();
        async move {
            let none = Instance::default();
            let created = provider.apply("soci_index", &config, &none).await?;
            anyhow::Ok(created.ok()?)
        }
    });
    let tasks: Vec<_> = creates.map(tokio::spawn).collect();
    for task in tasks {
        let created = task.await??;
        let indexed = created.state.get("indexed").as_bool();
        ensure!(indexed == Some(true), "a layer is left out");
    }
    let pid = Pid::from_child(&plugin.process.child);
    // The code of a debug build is several times that of a release.
    let peak = peak_memory(pid)? - file_memory(pid)?;
    ensure!(peak <= LIMIT << 20, "{peak} bytes at the peak");
    plugin.shut_down().await?;
    Ok(())
}
