//! Pushes of an OCI layout to a registry with the real `skopeo`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::aws::{self, LocalAws};
use crate::interrupt::Interrupt;
use crate::registry::{PASSWORD, Registry, USER};
use crate::{binaries, process};

const LIMIT: Duration = Duration::from_secs(300);

/// Pushes every platform of the image in `layout` as `name`, such as `shop/web:1`. The bytes stay
/// the same: by default, skopeo would compress plain layers.
pub fn push(layout: &Path, registry: &Registry, name: &str, interrupt: &Interrupt) -> Result<()> {
    let credentials = format!("{USER}:{PASSWORD}");
    let credentials = registry.authenticated().then_some(credentials.as_str());
    copy(layout, &registry.reference(name), credentials, interrupt)
}

/// Pushes like [`push`], but to a local AWS's registry, with the password from its authorization
/// token.
pub fn push_to_aws(layout: &Path, aws: &LocalAws, name: &str, interrupt: &Interrupt) -> Result<()> {
    let credentials = format!("{}:{}", aws::USER, aws::PASSWORD);
    copy(layout, &aws.reference(name), Some(&credentials), interrupt)
}

/// Returns the command that copies an image between registries that need no login.
pub fn between(from: &Registry, to: &Registry, name: &str) -> Result<Command> {
    let mut command = command(None)?;
    command.arg("--src-tls-verify=false");
    match from.authenticated() {
        true => command.arg(format!("--src-creds={USER}:{PASSWORD}")),
        false => command.arg("--src-no-creds"),
    };
    for registry in [from, to] {
        command.arg(format!("docker://{}", registry.reference(name)));
    }
    Ok(command)
}

fn copy(
    layout: &Path,
    reference: &str,
    credentials: Option<&str>,
    interrupt: &Interrupt,
) -> Result<()> {
    let mut command = command(credentials)?;
    command.arg(format!("oci:{}", layout.display()));
    command.arg(format!("docker://{reference}"));
    process::run(&mut command, LIMIT, interrupt)?.success()?;
    Ok(())
}

/// Returns a command that copies to a registry on the loopback interface. The image names are still
/// to be added.
fn command(credentials: Option<&str>) -> Result<Command> {
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
    match credentials {
        Some(credentials) => command.arg(format!("--dest-creds={credentials}")),
        None => command.arg("--dest-no-creds"),
    };
    Ok(command)
}
