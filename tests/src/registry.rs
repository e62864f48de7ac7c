//! A real registry on the loopback interface: Debian's `docker-registry`, with its data in a
//! temporary directory.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::certificate::Certificate;
use crate::http::{self, Response};
use crate::process::Process;
use crate::{binaries, wait};

/// Time limit for the registry to start, and number of ports to try.
const START: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 5;

/// Response header that identifies our registry, in case another server has taken its port.
const MARK: &str = "x-started-by";

/// File with the password, in the registry's directory.
const PASSWORDS: &str = "htpasswd";

/// Files of a registry that speaks TLS, in its directory.
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
const AUTHORITY: &str = "authority.pem";

/// Media types that every manifest request accepts.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// User name of a registry with authentication.
pub const USER: &str = "tester";
/// Password of [`USER`]; valid only for registries that exist during one test.
pub const PASSWORD: &str = "hunter2-of-the-tests";
/// `USER:PASSWORD` in base64, as in an `Authorization` header.
pub const CREDENTIALS: &str = "dGVzdGVyOmh1bnRlcjItb2YtdGhlLXRlc3Rz";
/// `USER:PASSWORD` as an htpasswd line: bcrypt, the only hash the registry accepts, at cost 4.
const HTPASSWD: &str = "tester:$2b$04$sociTestsSaltForRegis.dyRfzEMdvV30xj2HZe6SjNxFQ.UXpq6\n";

/// Same as [`CREDENTIALS`], with the password that a registry has after the first one expires.
pub const NEXT_CREDENTIALS: &str = "dGVzdGVyOmh1bnRlcjMtb2YtdGhlLXRlc3Rz";
const NEXT_HTPASSWD: &str = "tester:$2b$04$sociTestsSaltForRegis.HtQ89piX/djCO5s2WYpWYtMBRkCr1se\n";

/// A running registry. Dropping it stops it and removes its data.
#[derive(Debug)]
pub struct Registry {
    address: SocketAddr,
    authenticated: bool,
    authority: Option<PathBuf>,
    expired: AtomicBool,
    // Dropped before the directory, so that nothing writes to it while it is removed.
    process: Process,
    directory: TempDir,
}

/// A manifest in a registry.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The digest according to the registry.
    pub digest: String,
    /// The `Content-Type`.
    pub media_type: String,
    /// The content.
    pub body: Vec<u8>,
    /// The content, parsed.
    pub json: Value,
}

impl Registry {
    /// Starts a registry that needs no login.
    pub fn start() -> Result<Self> {
        Self::start_with(false, false)
    }

    /// Starts a registry that requires [`USER`] and [`PASSWORD`].
    pub fn start_authenticated() -> Result<Self> {
        Self::start_with(true, false)
    }

    /// Starts a registry that requires [`USER`] and [`PASSWORD`] and speaks TLS. The methods that
    /// send requests do not support TLS; this registry is for programs that know
    /// [`Registry::authority`].
    pub fn start_with_tls() -> Result<Self> {
        Self::start_with(true, true)
    }

    fn start_with(authenticated: bool, tls: bool) -> Result<Self> {
        let program = binaries::on_path("docker-registry").context(
            "docker-registry is not on PATH: on Debian or Ubuntu `apt-get install docker-registry`",
        )?;
        let mut last = None;
        // Another program may take the port after it is found and before it is listened on.
        for _ in 0..ATTEMPTS {
            let mut command = Command::new(&program);
            match Self::try_start(&mut command, authenticated, tls) {
                Ok(registry) => return Ok(registry),
                Err(error) => last = Some(error),
            }
        }
        Err(last
            .context("no attempt was made")?
            .context("docker-registry does not start"))
    }

    fn try_start(command: &mut Command, authenticated: bool, tls: bool) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("soci-registry-")
            .tempdir()?;
        let address = free_address()?;
        let mark = directory
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let file = directory.path().join("config.yml");
        std::fs::write(
            &file,
            configuration(&directory, address, &mark, authenticated, tls)?,
        )?;
        command.arg("serve").arg(&file);
        // The registry also reads its configuration from environment variables.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("REGISTRY_") {
                command.env_remove(name);
            }
        }
        let process = Process::start(command, None)?;
        let mut registry = Self {
            address,
            authenticated,
            authority: tls.then(|| directory.path().join(AUTHORITY)),
            expired: AtomicBool::new(false),
            process,
            directory,
        };
        wait::until("docker-registry to listen", START, || {
            if let Some(status) = registry.process.try_status()? {
                bail!("docker-registry: {status}\n{}", registry.log());
            }
            let Ok(response) = http::request(address, "GET", "/v2/", &[], b"") else {
                return Ok(None);
            };
            // Plain HTTP is refused without the mark; TLS clients verify the server themselves.
            let refused = tls && response.status == 400;
            if !refused && response.header(MARK) != Some(&mark) {
                bail!("{address}: another server took the port");
            }
            Ok(Some(()))
        })?;
        Ok(registry)
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `127.0.0.1:PORT`, the host part of an image reference.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Returns the directory of its data.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns `127.0.0.1:PORT/name`, for a name such as `shop/web:1`.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Returns whether it requires [`USER`] and [`PASSWORD`].
    pub fn authenticated(&self) -> bool {
        self.authenticated
    }

    /// Returns the file with its own certificate authority, if it speaks TLS.
    pub fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// Accepts [`NEXT_CREDENTIALS`] from now on, and no longer the previous ones.
    pub fn expire_credentials(&self) -> Result<()> {
        // The registry rereads the file when it changes.
        std::fs::write(self.directory.path().join(PASSWORDS), NEXT_HTPASSWD)?;
        self.expired.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the log so far, one line per request.
    pub fn log(&self) -> String {
        self.process.output_so_far()
    }

    /// Returns the manifest with a tag or digest, if there is one.
    pub fn manifest(&self, repository: &str, reference: &str) -> Result<Option<Manifest>> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let response = self.request("GET", &path, &[("Accept", ACCEPT)], b"")?;
        match response.status {
            200 => Ok(Some(Manifest {
                digest: response
                    .header("docker-content-digest")
                    .unwrap_or_default()
                    .to_owned(),
                media_type: response
                    .header("content-type")
                    .unwrap_or_default()
                    .to_owned(),
                json: serde_json::from_slice(&response.body).context("manifest is not JSON")?,
                body: response.body,
            })),
            404 => Ok(None),
            _ => unexpected("GET", &path, &response),
        }
    }

    /// Returns the manifest with a tag or digest, which must exist.
    pub fn expect_manifest(&self, repository: &str, reference: &str) -> Result<Manifest> {
        let manifest = self.manifest(repository, reference)?;
        manifest.with_context(|| format!("{repository}: no manifest {reference}"))
    }

    /// Pushes a manifest by tag or digest.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<()> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let response = self.request("PUT", &path, &[("Content-Type", media_type)], body)?;
        if response.status == 201 {
            Ok(())
        } else {
            unexpected("PUT", &path, &response)
        }
    }

    /// Deletes a manifest by digest, with every tag that points to it.
    pub fn delete_manifest(&self, repository: &str, digest: &str) -> Result<()> {
        let path = format!("/v2/{repository}/manifests/{digest}");
        let response = self.request("DELETE", &path, &[], b"")?;
        if response.status == 202 {
            Ok(())
        } else {
            unexpected("DELETE", &path, &response)
        }
    }

    /// Returns the tags of a repository, sorted; empty if it does not exist.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>> {
        let path = format!("/v2/{repository}/tags/list");
        let response = self.request("GET", &path, &[], b"")?;
        let list = match response.status {
            200 => serde_json::from_slice::<Value>(&response.body)?,
            404 => Value::Null,
            _ => return unexpected("GET", &path, &response),
        };
        let tags = list["tags"].as_array().into_iter().flatten();
        let mut tags: Vec<_> = tags.filter_map(Value::as_str).map(str::to_owned).collect();
        tags.sort();
        Ok(tags)
    }

    /// Returns whether a repository has a blob.
    pub fn has_blob(&self, repository: &str, digest: &str) -> Result<bool> {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let response = self.request("HEAD", &path, &[], b"")?;
        match response.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => unexpected("HEAD", &path, &response),
        }
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let credentials = match self.expired.load(Ordering::Relaxed) {
            true => NEXT_CREDENTIALS,
            false => CREDENTIALS,
        };
        let credentials = format!("Basic {credentials}");
        let mut headers = headers.to_vec();
        if self.authenticated {
            headers.push(("Authorization", &credentials));
        }
        http::request(self.address, method, path, &headers, body)
    }
}

fn unexpected<T>(method: &str, path: &str, response: &Response) -> Result<T> {
    let body = String::from_utf8_lossy(&response.body);
    bail!(
        "{method} {path}: status {}: {}",
        response.status,
        body.trim()
    )
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn configuration(
    directory: &TempDir,
    address: SocketAddr,
    mark: &str,
    authenticated: bool,
    tls: bool,
) -> Result<String> {
    let root = directory.path().display();
    let mut text = format!(
        "version: 0.1\n\
         log:\n  level: warn\n\
         storage:\n  filesystem:\n    rootdirectory: '{root}/data'\n  delete:\n    enabled: true\n\
         http:\n  addr: '{address}'\n  headers:\n    {MARK}: ['{mark}']\n"
    );
    if tls {
        let made = Certificate::of(&address.ip().to_string())?;
        let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text);
        write(CERTIFICATE, made.leaf.pem())?;
        write(KEY, made.key.serialize_pem())?;
        write(AUTHORITY, made.authority)?;
        write!(
            text,
            "  tls:\n    certificate: '{root}/{CERTIFICATE}'\n    key: '{root}/{KEY}'\n"
        )?;
    }
    if authenticated {
        let file = directory.path().join(PASSWORDS);
        std::fs::write(&file, HTPASSWD)?;
        write!(
            text,
            "auth:\n  htpasswd:\n    realm: tests\n    path: '{}'\n",
            file.display()
        )?;
    }
    Ok(text)
}
