//! The registries that images are kept in.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::http::{self, Response};
use tests::interrupt::Interrupt;
use tests::process::{self, Process};
use tests::registry::{CREDENTIALS, PASSWORD, Registry, USER};
use tests::wait;

use crate::machine;

/// The longest that a copy may take.
const COPY: Duration = Duration::from_secs(120);

/// The media types that a request for a manifest accepts.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json";

/// A registry on the loopback.
pub(crate) trait Store {
    /// `127.0.0.1:PORT`.
    fn host(&self) -> String;

    /// Whether it asks for [`USER`] and [`PASSWORD`].
    fn asks(&self) -> bool;

    /// The name that people call it by.
    fn name(&self) -> &'static str;

    /// How it knows who asks.
    fn login_kind(&self) -> &'static str;

    /// Whether it lists referrers itself.
    fn lists_referrers(&self) -> bool;

    /// The file with its own certificate authority, if it speaks TLS.
    fn authority(&self) -> Option<&Path>;

    /// How it is reached.
    fn connection(&self) -> &'static str {
        match self.authority() {
            Some(_) => "TLS, own authority",
            None => "plain HTTP",
        }
    }

    /// Lets a program written in Go trust the registry's authority, and no other.
    fn trust(&self, command: &mut Command) {
        if let Some(authority) = self.authority() {
            command.env("SSL_CERT_FILE", authority);
        }
    }

    /// Its access log so far.
    fn access_log(&self) -> String;

    /// `127.0.0.1:PORT/name`, for a name such as `shop/web:1`.
    fn reference_to(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// A Docker configuration with a login where one is needed.
    fn login(&self, directory: &Path) -> Result<()> {
        let mut configuration = json!({"auths": {}});
        if self.asks() {
            configuration["auths"][self.host()] = json!({"auth": CREDENTIALS});
        }
        let file = directory.join("config.json");
        Ok(std::fs::write(file, configuration.to_string())?)
    }

    /// Pushes the image in a layout, every byte of it: skopeo would compress plain layers otherwise.
    fn push(&self, layout: &Path, name: &str) -> Result<()> {
        let from = format!("oci:{}", layout.display());
        self.skopeo(&["--preserve-digests"], &from, name)
    }

    /// Copies an image with all that it lists from `from` to `to`, both names of this registry.
    /// The manifests may become others.
    fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.skopeo(&[], &format!("docker://{}", self.reference_to(from)), to)
    }

    /// Runs `skopeo copy` to an image of this registry.
    fn skopeo(&self, arguments: &[&str], from: &str, name: &str) -> Result<()> {
        let to = format!("docker://{}", self.reference_to(name));
        let mut command = Command::new(machine::tool("skopeo", "skopeo")?);
        command
            .args(["--insecure-policy", "copy", "--quiet", "--all"])
            .args(arguments);
        let verify = self.authority().is_some();
        command.arg(format!("--src-tls-verify={verify}"));
        command.arg(format!("--dest-tls-verify={verify}"));
        self.trust(&mut command);
        if self.asks() {
            let credentials = format!("{USER}:{PASSWORD}");
            command.arg(format!("--dest-creds={credentials}"));
            if from.starts_with("docker:") {
                command.arg(format!("--src-creds={credentials}"));
            }
        }
        process::run(command.args([from, &to]), COPY, &Interrupt::default())?.success()?;
        Ok(())
    }

    /// A manifest, without any authentication.
    fn manifest_of(&self, repository: &str, reference: &str) -> Result<Value> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let response = self.get(&path)?;
        ensure!(response.status == 200, "{path}: {}", response.status);
        Ok(serde_json::from_slice(&response.body)?)
    }

    /// An answer, without any authentication.
    fn get(&self, path: &str) -> Result<Response> {
        http::request(
            self.host().parse()?,
            "GET",
            path,
            &[("Accept", ACCEPT)],
            b"",
        )
    }
}

impl Store for Registry {
    fn host(&self) -> String {
        Registry::host(self)
    }

    fn asks(&self) -> bool {
        self.authenticated()
    }

    fn name(&self) -> &'static str {
        "docker-registry (CNCF Distribution 2)"
    }

    fn login_kind(&self) -> &'static str {
        if self.asks() { "password" } else { "none" }
    }

    fn lists_referrers(&self) -> bool {
        false
    }

    fn authority(&self) -> Option<&Path> {
        Registry::authority(self)
    }

    fn access_log(&self) -> String {
        self.log()
    }
}

/// The file in which Debian's registry keeps a blob.
pub(crate) fn stored(registry: &Registry, digest: &str) -> PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    let blobs = registry
        .directory()
        .join("data/docker/registry/v2/blobs/sha256");
    blobs.join(&hex[..2]).join(hex).join("data")
}

/// A registry of `tests/interop/go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// CNCF Distribution 3, for anybody.
    Distribution,
    /// The same with passwords in a file.
    DistributionBasic,
    /// The same with a token server, over TLS.
    DistributionToken,
    /// go-containerregistry's, without the referrers API, as `crane registry serve` runs it.
    Crane,
    /// The same with the referrers API, over TLS.
    CraneReferrers,
    /// olareg, with the referrers API, over TLS.
    Olareg,
}

impl Kind {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Distribution => &["-kind=distribution"],
            Self::DistributionBasic => &["-kind=distribution", "-auth=htpasswd"],
            Self::DistributionToken => &["-kind=distribution", "-auth=token", "-tls"],
            Self::Crane => &["-kind=go-containerregistry"],
            Self::CraneReferrers => &["-kind=go-containerregistry", "-referrers", "-tls"],
            Self::Olareg => &["-kind=olareg", "-tls"],
        }
    }
}

/// A running registry of `tests/interop/go`; dropping it stops it and removes its data.
#[derive(Debug)]
pub(crate) struct GoRegistry {
    kind: Kind,
    address: String,
    authority: Option<PathBuf>,
    // Before the directory, so that nothing writes there any more when it is removed.
    process: Process,
    _directory: TempDir,
}

impl GoRegistry {
    pub(crate) fn start(kind: Kind) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("soci-registry-")
            .tempdir()?;
        let mut command = Command::new(machine::program("registry")?);
        command.args(kind.arguments());
        command
            .arg(format!("-user={USER}"))
            .arg(format!("-password={PASSWORD}"));
        command.arg("-root").arg(directory.path());
        let mut process = Process::start_tied(&mut command)?;
        let greeting = wait::until("the registry to listen", wait::SOON, || {
            let output = process.output_so_far();
            if let Some(status) = process.try_status()? {
                anyhow::bail!("registry: {status}\n{output}");
            }
            let line = output.lines().find(|line| line.starts_with('{'));
            Ok(line.and_then(|line| serde_json::from_str::<Value>(line).ok()))
        })?;
        let address = greeting["address"].as_str();
        Ok(Self {
            kind,
            address: address.context("no address in the greeting")?.to_owned(),
            authority: greeting["authority"].as_str().map(PathBuf::from),
            process,
            _directory: directory,
        })
    }
}

impl Store for GoRegistry {
    fn host(&self) -> String {
        self.address.clone()
    }

    fn asks(&self) -> bool {
        matches!(self.kind, Kind::DistributionBasic | Kind::DistributionToken)
    }

    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Distribution | Kind::DistributionBasic | Kind::DistributionToken => {
                "CNCF Distribution 3"
            }
            Kind::Crane => "go-containerregistry",
            Kind::CraneReferrers => "go-containerregistry with referrers",
            Kind::Olareg => "olareg",
        }
    }

    fn login_kind(&self) -> &'static str {
        match self.kind {
            Kind::DistributionBasic => "password",
            Kind::DistributionToken => "token",
            _ => "none",
        }
    }

    fn lists_referrers(&self) -> bool {
        matches!(self.kind, Kind::CraneReferrers | Kind::Olareg)
    }

    fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    fn access_log(&self) -> String {
        self.process.output_so_far()
    }
}
