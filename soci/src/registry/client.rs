//! HTTP clients.

use std::time::Duration;

use reqwest::Certificate;

use crate::error::Result;
use crate::error::SetupError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for so long is dead.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(60);
const USER_AGENT: &str = concat!("soci/", env!("CARGO_PKG_VERSION"));

/// A client of registries. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    /// For requests with large bodies: while they are sent, nothing is read.
    pub(super) uploads: reqwest::Client,
    pub(super) plain_http: bool,
}

impl Client {
    /// Creates a client that speaks HTTPS, and plain HTTP only to registries on this machine.
    ///
    /// # Errors
    /// If the system's certificates cannot be loaded.
    pub fn new() -> Result<Self> {
        Self::trusting(&[])
    }

    /// Creates a client that trusts more certificate authorities than the system's: certificates in
    /// PEM form.
    ///
    /// # Errors
    /// If there is no certificate among them, or one that is invalid.
    pub fn with_root_certificates(pem: &[u8]) -> Result<Self> {
        let certificates =
            Certificate::from_pem_bundle(pem).map_err(SetupError::InvalidCertificate)?;
        if certificates.is_empty() {
            return Err(SetupError::NoCertificate.into());
        }
        Self::trusting(&certificates)
    }

    fn trusting(certificates: &[Certificate]) -> Result<Self> {
        let client = || {
            reqwest::Client::builder()
                .user_agent(USER_AGENT)
                .connect_timeout(CONNECT_TIMEOUT)
                .tls_certs_merge(certificates.iter().cloned())
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(SetupError::Tls);
        Ok(Self {
            http: build(client().read_timeout(READ_TIMEOUT))?,
            uploads: build(client())?,
            plain_http: false,
        })
    }

    /// Makes the client speak plain HTTP to every registry.
    #[must_use]
    pub fn with_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }
}
