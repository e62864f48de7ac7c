//! The demo: a real image, made out of files of this machine, gets its index from a real
//! terraform, and one of its files is read back through it.

mod progress;
mod soci_steps;
mod toolchain;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::image::{Compression, Layer, Layout, MediaTypes};
use crate::interrupt::Interrupt;
use crate::process::Sink;
use crate::proxy::Proxy;
use crate::registry::Registry;
use crate::skopeo;
use crate::terraform::Terraform;
use progress::Progress;
use toolchain::HostFile;

/// The configuration that is applied.
const CONFIGURATION: &str = include_str!("../../examples/first-light/main.tf");

const REPOSITORY: &str = "demo/toolchain";
const TAG: &str = "1";
const STEPS: usize = 10;

/// Runs the demo; `print` gets every line. The image's large layer holds at least `layer_bytes`.
pub fn run(runtime: &Handle, layer_bytes: u64, print: &Sink, interrupt: &Interrupt) -> Result<()> {
    let mut progress = Progress::new(STEPS, print);

    progress.step("start a registry");
    let registry = Registry::start()?;
    let name = format!("{REPOSITORY}:{TAG}");
    let image = registry.reference(&name);
    progress.done(&format!(
        "{}, data in {}",
        registry.host(),
        registry.directory().display()
    ));

    progress.step("make an image out of files of the Rust toolchain");
    let files = toolchain::files(layer_bytes)?;
    let layout = tempfile::Builder::new().prefix("soci-image-").tempdir()?;
    let layers = make_image(&layout, &files, interrupt)?;
    let (tar, stored) = layers.iter().fold((0, 0), |(tar, stored), layer| {
        (tar + layer.tar_size, stored + layer.size)
    });
    let (tar, stored) = (progress::megabytes(tar), progress::megabytes(stored));
    progress.done(&format!(
        "{} layers, {} files, {tar}, gzip {stored}",
        layers.len(),
        files.len()
    ));

    progress.step(&format!("push it with skopeo as {image}"));
    skopeo::push(layout.path(), &registry, &name, interrupt)?;
    let source = registry.expect_manifest(REPOSITORY, TAG)?.digest;
    progress.done(&source);

    let mut terraform = Terraform::new()?;
    terraform.write("main.tf", CONFIGURATION)?;
    terraform.write("demo.auto.tfvars", &format!("image = \"{image}\"\n"))?;

    progress.step("terraform init");
    let line = progress.indented("| ");
    let news: Sink = Arc::new(move |text| {
        // The rest is advice about lock files, for a provider that others install as well.
        if text.starts_with("- ") || text.starts_with("Error") {
            line(text);
        }
    });
    terraform.follow(news, interrupt);
    terraform.init()?;
    progress.done("the provider is installed");

    progress.step("terraform apply");
    terraform.follow(progress.indented("| "), interrupt);
    terraform.apply()?;
    let enabled = terraform.output("image_uri")?;
    let enabled = enabled.as_str().context("output image_uri is no string")?;
    progress.done(enabled);

    progress.step("what the registry has now");
    let tree = runtime.block_on(interrupt.or(soci_steps::tree(enabled)))?;
    let line = progress.indented("");
    tree.lines().for_each(|text| line(text));
    progress.done("a zTOC for every layer that is large enough");

    progress.step("read one file back through its zTOC");
    let file = toolchain::one_of_about(&files, 1_000_000).context("no files")?;
    progress.done(&read_back(runtime, &registry, &layers, file, interrupt)?);

    progress.step("terraform plan");
    let plan = terraform.plan()?;
    ensure!(
        !plan.changes,
        "the plan after an apply is not empty:\n{}",
        plan.output
    );
    progress.done("nothing to do");

    progress.step("terraform destroy");
    terraform.destroy()?;
    let tags = registry.tags(REPOSITORY)?;
    ensure!(
        tags == [TAG],
        "destroy left the tags {tags:?}, where only {TAG} was there before"
    );
    let after = registry.expect_manifest(REPOSITORY, TAG)?.digest;
    ensure!(
        after == source,
        "{image}: was {source} before, is {after} after destroy"
    );
    progress.done("the index is gone, the image is as it was");

    progress.step("clean up");
    drop(registry);
    drop(terraform);
    layout.close()?;
    progress.done("nothing is left");
    progress.end();
    Ok(())
}

/// A small base layer and a large one, as an image for linux/amd64 in `directory`.
fn make_image(
    directory: &TempDir,
    files: &[HostFile],
    interrupt: &Interrupt,
) -> Result<Vec<Layer>> {
    let layout = Layout::create(directory.path())?;
    let base = layout.layer(Compression::Gzip, |archive| {
        archive.file(
            "etc/os-release",
            b"ID=demo\nPRETTY_NAME=\"An image of the demo\"\n",
        )?;
        archive.symlink("usr/lib/os-release", "../../etc/os-release")
    })?;
    let large = layout.layer(Compression::Gzip, |archive| {
        for file in files {
            interrupt.check()?;
            archive.host_file(&file.path, &file.source)?;
        }
        Ok(())
    })?;
    let layers = vec![base, large];
    layout.publish(&layout.image("amd64", MediaTypes::Oci, &layers)?)?;
    Ok(layers)
}

/// Reads `file` out of the image in the registry, and compares it with the original. A proxy
/// watches: no layer may be asked for without a range.
fn read_back(
    runtime: &Handle,
    registry: &Registry,
    layers: &[Layer],
    file: &HostFile,
    interrupt: &Interrupt,
) -> Result<String> {
    let proxy = Proxy::start(registry.address())?;
    let image = proxy.reference(&format!("{REPOSITORY}:{TAG}-soci"));
    let content = runtime.block_on(interrupt.or(soci_steps::read_file(&image, &file.path)))?;
    let original = std::fs::read(&file.source)?;
    ensure!(
        content == original,
        "{}: not the bytes of {}",
        file.path,
        file.source.display()
    );

    let requests = proxy.requests();
    let of_layers = requests.iter().filter(|request| {
        request.method == "GET"
            && layers
                .iter()
                .any(|layer| request.path.contains(&layer.digest))
    });
    let mut bytes = 0;
    let mut count = 0;
    for request in of_layers {
        bytes += request.range_length().with_context(|| {
            format!(
                "GET {} asks for the whole layer: {:?}",
                request.path, request.range
            )
        })?;
        count += 1;
    }
    ensure!(count > 0, "no layer was read at all: {requests:#?}");
    let (size, read) = (progress::megabytes(file.size), progress::megabytes(bytes));
    let layer: u64 = layers.iter().map(|layer| layer.size).sum();
    let layer = progress::megabytes(layer);
    Ok(format!(
        "{}: {size}, the same bytes; fetched {read} of {layer}, range requests: {count}",
        file.path
    ))
}
