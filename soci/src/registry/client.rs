//! HTTP clients.

use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, StatusCode};

use crate::error::Result;
use crate::error::SetupError;

use super::route;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time without incoming data after which a connection is considered dead.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(60);
const USER_AGENT: &str = concat!("soci/", env!("CARGO_PKG_VERSION"));

/// Maximum number of redirects.
const MAX_REDIRECTS: usize = 10;

/// Decides whether a redirect is followed.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.status() == StatusCode::SEE_OTHER {
        // Content is elsewhere after 302, 307 or 308; other redirects lead to web pages.
        attempt.stop()
    } else if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("too many redirects")
    } else {
        let previous = attempt.previous();
        let ends = previous.first().zip(previous.last());
        match ends.and_then(|(first, from)| route::refusal(first, from, attempt.url())) {
            Some(reason) => attempt.error(reason),
            None => attempt.follow(),
        }
    }
}

/// A client for registries. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    /// HTTP client for requests with large bodies, during which nothing is read.
    pub(super) uploads: reqwest::Client,
    /// Whether to use plain HTTP; if `None`, only for registries on this machine.
    pub(super) plain_http: Option<bool>,
}

impl Client {
    /// Creates a client that uses HTTPS, and plain HTTP only for registries on this machine.
    ///
    /// # Errors
    /// If the system's certificates cannot be loaded.
    pub fn new() -> Result<Self> {
        Self::trusting(&[])
    }

    /// Creates a client that trusts certificate authorities in addition to the system's. `pem`
    /// contains their certificates in PEM format.
    ///
    /// # Errors
    /// If `pem` contains no certificate, or an invalid one.
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
                .redirect(Policy::custom(redirect))
                .dns_resolver(route::Resolver)
                .tls_certs_merge(certificates.iter().cloned())
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(SetupError::Tls);
        Ok(Self {
            http: build(client().read_timeout(READ_TIMEOUT))?,
            uploads: build(client())?,
            plain_http: None,
        })
    }

    /// Makes the client use plain HTTP for every registry, or for none.
    #[must_use]
    pub fn with_plain_http(mut self, plain_http: bool) -> Self {
        self.plain_http = Some(plain_http);
        self
    }
}
