//! Providers as plugins: start, handshake and shutdown.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use super::certificate::{HostCertificate, connector};
use super::connection::{Address, Connection};
use super::error::Error;
use super::process::Process;
use crate::protocol::{COOKIE, PROTOCOL};

/// Time between `Shutdown` and the moment when Terraform kills a provider.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A provider that runs as a plugin of this process. Killed when dropped.
#[derive(Debug)]
pub struct Plugin {
    /// The provider's process. Its log is on standard error, at level DEBUG.
    pub process: Process,
    line: String,
    address: Address,
    host: HostCertificate,
    server: CertificateDer<'static>,
    directory: TempDir,
}

impl Plugin {
    /// Starts a provider's program with an empty environment.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Handshake`] if it does not start as a plugin.
    pub async fn start(program: impl AsRef<OsStr>) -> Result<Self, Error> {
        let mut command = Command::new(program);
        command.env_clear();
        Self::spawn(command).await
    }

    /// Starts a provider with a command that has its own arguments and
    /// environment, to which the variables of the handshake are added.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Handshake`] if it does not start as a plugin.
    pub async fn spawn(mut command: Command) -> Result<Self, Error> {
        let directory = tempfile::tempdir()?;
        let host = HostCertificate::generate()?;
        command
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", format!("5,{PROTOCOL}"))
            .env("PLUGIN_UNIX_SOCKET_DIR", directory.path())
            .env("PLUGIN_CLIENT_CERT", host.pem())
            .env("TF_LOG", "debug")
            .stdin(Stdio::null());
        let mut process = Process::spawn(&mut command)?;
        let line = process.stdout.next().await?.unwrap_or_default();
        let fields: Vec<_> = line.split('|').collect();
        let ["1", "6", network, place, "grpc", server] = fields.as_slice() else {
            return Err(Error::Handshake(line));
        };
        let server = STANDARD_NO_PAD.decode(server);
        let server = server.map_err(|_| Error::Handshake(line.clone()))?;
        Ok(Self {
            address: Address {
                network: (*network).to_owned(),
                place: (*place).to_owned(),
            },
            host,
            server: CertificateDer::from(server),
            directory,
            process,
            line,
        })
    }

    /// Returns the line that the provider printed as its handshake.
    #[must_use]
    pub fn handshake(&self) -> &str {
        &self.line
    }

    /// Returns the address on which the provider listens: a socket path, or a
    /// host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address.place
    }

    /// Returns a temporary directory that lives as long as the plugin and
    /// contains the provider's socket.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Connects with the certificate that the provider was given.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] if the provider rejects the connection.
    pub async fn connect(&self) -> Result<Connection, Error> {
        self.connect_as(Some(&self.host)).await
    }

    /// Connects with another certificate, or without one, to test that the
    /// provider rejects it. With TLS 1.3, the rejection may surface only in the
    /// first call.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] if the provider rejects the connection.
    pub async fn connect_as(&self, host: Option<&HostCertificate>) -> Result<Connection, Error> {
        let tls = connector(&self.server, host)?;
        Connection::open(self.address.clone(), Some(tls)).await
    }

    /// Ends the provider as Terraform does.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if the process does not exit within two seconds;
    /// [`Error::Exit`] if it fails, leaves its socket behind, or has printed
    /// anything other than the handshake to standard output.
    pub async fn shut_down(mut self) -> Result<(), Error> {
        // The response and the end of the connection race.
        let _ = self.connect().await?.request_shutdown().await;
        let status = self.process.exit(SHUTDOWN).await?;
        if !status.success() {
            return Err(Error::Exit(status.to_string()));
        }
        if self.address.network == "unix" && Path::new(self.address()).exists() {
            return Err(Error::Exit("the socket still exists".to_owned()));
        }
        let seen = self.process.stdout.seen();
        if seen.len() != 1 {
            return Err(Error::Exit(format!("standard output has {seen:?}")));
        }
        Ok(())
    }
}
