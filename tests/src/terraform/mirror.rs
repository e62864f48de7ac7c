//! A local provider installation, laid out like a registry.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// File name of the provider.
pub const PROVIDER: &str = "terraform-provider-soci";

/// Hosts of `source = "soci/soci"`: the first for terraform, the second for tofu.
const HOSTS: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// Installs `provider` under `home`. Returns the CLI configuration that refers to it, as a mirror
/// or as a development override.
pub(super) fn install(home: &Path, provider: &Path, overriding: bool) -> Result<PathBuf> {
    let version = env!("CARGO_PKG_VERSION");
    let mirror = home.join("mirror");
    let mut packages = Vec::new();
    for host in HOSTS {
        let package = mirror
            .join(host)
            .join("soci/soci")
            .join(version)
            .join(platform());
        fs::create_dir_all(&package)?;
        let file = package.join(format!("{PROVIDER}_v{version}"));
        std::os::unix::fs::symlink(provider, &file)
            .with_context(|| format!("{}: cannot link", file.display()))?;
        packages.push(package);
    }
    // One serves every host: an override has no host of its own.
    let overridden = packages.first().filter(|_| overriding);
    let overrides = overridden.map(|package| {
        let package = package.display();
        format!("  dev_overrides {{\n    \"soci/soci\" = \"{package}\"\n  }}\n")
    });
    let overrides = overrides.unwrap_or_default();
    let configuration = home.join("cli.tfrc");
    let path = mirror.display();
    fs::write(
        &configuration,
        format!(
            "provider_installation {{\n{overrides}  filesystem_mirror {{\n    path = \"{path}\"\n  }}\n}}\n"
        ),
    )?;
    Ok(configuration)
}

/// Returns the platform in Go's spelling, such as `linux_amd64`.
fn platform() -> String {
    let os = if OS == "macos" { "darwin" } else { OS };
    let architecture = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}_{architecture}")
}
