//! The image of the demo, and the names under which it is pushed.

use std::path::Path;

use anyhow::Result;

use crate::image::{Compression, Layer, Layout, MediaTypes};
use crate::interrupt::Interrupt;
use crate::toolchain::HostFile;

/// Repository and tag.
pub(super) type Name = (&'static str, &'static str);

/// Pushed before the builder exists; indexed by `soci_index`.
pub(super) const BASE: Name = ("base/toolchain", "1");
/// Matches a filter of the configuration.
pub(super) const MATCHING: Name = ("shop/web", "1.4");
/// The next version of the same image.
pub(super) const NEXT: Name = ("shop/web", "1.5");
/// Another version, whose push event does not reach the builder.
pub(super) const LOST: Name = ("shop/web", "1.6");
/// Matches no filter, but so nearly that only the event filter can tell.
pub(super) const OTHER: Name = ("platform/batch", "release-1");

/// Builds an image for linux/amd64 in `directory`, with a small base layer and a large layer of
/// `files`.
pub(super) fn build(
    directory: &Path,
    files: &[HostFile],
    interrupt: &Interrupt,
) -> Result<Vec<Layer>> {
    let layout = Layout::create(directory)?;
    let base = layout.layer(Compression::Gzip, |archive| {
        archive.file("etc/os-release", b"ID=demo\nPRETTY_NAME=\"Demo\"\n")?;
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

/// Builds another version alongside it, with a different base layer and the same large layer.
pub(super) fn build_version(directory: &Path, layers: &[Layer], version: Name) -> Result<()> {
    let layout = Layout::create(directory)?;
    let release = format!("ID=demo\nPRETTY_NAME=\"Demo {}\"\n", version.1);
    let base = layout.layer(Compression::Gzip, |archive| {
        archive.file("etc/os-release", release.as_bytes())
    })?;
    let mut layers = layers.to_vec();
    layers[0] = base;
    layout.publish(&layout.image("amd64", MediaTypes::Oci, &layers)?)
}
