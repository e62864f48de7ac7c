//! Pushes an OCI layout to a registry with the real `skopeo`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::interrupt::Interrupt;
use crate::registry::{PASSWORD, Registry, USER};
use crate::{binaries, process};

const LIMIT: Duration = Duration::from_secs(300);

/// Pushes the image in `layout`, with every platform it has, as `name` (`shop/web:1`), and keeps
/// every byte of it: skopeo would compress plain layers otherwise.
pub fn push(layout: &Path, registry: &Registry, name: &str, interrupt: &Interrupt) -> Result<()> {
    let program = binaries::on_path("skopeo")
        .context("skopeo is not on PATH: on Debian or Ubuntu `apt-get install skopeo`")?;
    let mut command = Command::new(program);
    command.args([
        "--insecure-policy",
        "copy",
        "--quiet",
        "--all",
        "--preserve-digests",
    ]);
    command.arg("--dest-tls-verify=false");
    if registry.authenticated() {
        command.arg(format!("--dest-creds={USER}:{PASSWORD}"));
    } else {
        command.arg("--dest-no-creds");
    }
    command.arg(format!("oci:{}", layout.display()));
    command.arg(format!("docker://{}", registry.reference(name)));
    process::run(&mut command, LIMIT, interrupt)?.success()?;
    Ok(())
}
