//! Requests to one repository: who is asked, as whom, how often, and how much is read.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, HeaderMap, LINK, RETRY_AFTER};
use reqwest::{Certificate, Method, Response, StatusCode};
use url::Url;

use super::auth::{Authorization, Operation};
use super::error::RegistryError;
use crate::reference::ImageReference;
use crate::{Credentials, Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for so long is dead.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// An upload slower than this many bytes per second is given up.
const SLOWEST_UPLOAD: u64 = 64 << 10;
pub(super) const MAX_ATTEMPTS: u32 = 5;
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Of an error's body, more is not read.
const MAX_ERROR_BODY: u64 = 64 << 10;
const USER_AGENT: &str = concat!("soci/", env!("CARGO_PKG_VERSION"));

/// Connections to registries. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// For bodies that go the other way: while they are sent, nothing is read.
    uploads: reqwest::Client,
    plain_http: bool,
}

impl Client {
    /// A client that speaks HTTPS, and plain HTTP only to this machine's own registries.
    ///
    /// # Errors
    /// When the system's certificates cannot be loaded.
    pub fn new() -> Result<Self> {
        Self::trusting(&[])
    }

    /// The same, trusting further certificate authorities beside the system's: certificates in
    /// PEM form.
    ///
    /// # Errors
    /// When there is no certificate among them, or one that cannot be used.
    pub fn with_root_certificates(pem: &[u8]) -> Result<Self> {
        let invalid = |reason: &dyn std::fmt::Display| Error::document("CA certificates", reason);
        let certificates = Certificate::from_pem_bundle(pem).map_err(|error| invalid(&error))?;
        if certificates.is_empty() {
            return Err(invalid(&"there is none in PEM form"));
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
        let build = |builder: reqwest::ClientBuilder| {
            let built = builder.build();
            built.map_err(|error| Error::document("TLS set-up", error))
        };
        Ok(Self {
            http: build(client().read_timeout(READ_TIMEOUT))?,
            uploads: build(client())?,
            plain_http: false,
        })
    }

    /// The same client, speaking plain HTTP to every registry.
    #[must_use]
    pub fn with_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }
}

/// A request that can be made again.
pub(super) struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
}

impl Request {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
        }
    }
}

/// A whole answer.
pub(super) struct Answer {
    pub url: Url,
    pub headers: HeaderMap,
    /// Nothing if it is longer than was allowed.
    pub body: Option<Bytes>,
}

impl Answer {
    /// The next page of a list: `Link: </v2/…>; rel="next"`. One of another registry is an
    /// error, because a list must not be taken for whole when it is not.
    pub(super) fn next_page(&self) -> Result<Option<Url>, RegistryError> {
        let links = self.headers.get_all(LINK).iter();
        let links = links.filter_map(|link| link.to_str().ok());
        let next = links
            .flat_map(|link| link.split('<').skip(1))
            .find_map(|link| {
                let (target, relation) = link.split_once('>')?;
                relation.contains("next").then_some(target)
            });
        let Some(target) = next else {
            return Ok(None);
        };
        match self.url.join(target) {
            Ok(next) if next.origin() == self.url.origin() => Ok(Some(next)),
            _ => {
                let reason = "the next page of the list is not the registry's";
                Err(RegistryError::answer(&Method::GET, &self.url, reason))
            }
        }
    }
}

/// One repository's registry.
pub(super) struct Connection {
    http: reqwest::Client,
    uploads: reqwest::Client,
    reference: ImageReference,
    authorization: Authorization,
    scheme: &'static str,
}

impl Connection {
    pub(super) fn new(
        client: &Client,
        reference: &ImageReference,
        credentials: Credentials,
    ) -> Self {
        let plain = client.plain_http || reference.is_loopback();
        Self {
            http: client.http.clone(),
            uploads: client.uploads.clone(),
            reference: reference.clone(),
            authorization: Authorization::new(reference.repository(), credentials, plain),
            scheme: if plain { "http" } else { "https" },
        }
    }

    /// The URL of something in the repository.
    pub(super) fn url(&self, path: &str) -> Result<Url> {
        let host = self.reference.as_oci().resolve_registry();
        let repository = self.reference.repository();
        let url = format!("{}://{host}/v2/{repository}/{path}", self.scheme);
        url.parse()
            .map_err(|error| Error::document(self.reference.to_string(), error))
    }

    /// Makes a request until it is answered with success or a final no.
    pub(super) async fn send(
        &self,
        operation: Operation,
        request: &Request,
    ) -> Result<Response, RegistryError> {
        let mut attempt = 1;
        loop {
            let (error, wait) = match self.send_once(operation, request, None).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            if !error.is_temporary() || attempt == MAX_ATTEMPTS {
                return Err(error);
            }
            pause(&error, wait, attempt).await;
            attempt += 1;
        }
    }

    /// Makes a request and reads the answer, both again if need be.
    pub(super) async fn read(
        &self,
        operation: Operation,
        request: &Request,
        limit: u64,
    ) -> Result<Answer, RegistryError> {
        let mut attempt = 1;
        loop {
            let response = self.send(operation, request).await?;
            let (url, headers) = (response.url().clone(), response.headers().clone());
            match collect(response, limit).await {
                (body, whole, None) => {
                    return Ok(Answer {
                        url,
                        headers,
                        body: whole.then_some(body),
                    });
                }
                (_, _, Some(error)) if error.is_temporary() && attempt < MAX_ATTEMPTS => {
                    pause(&error, None, attempt).await;
                    attempt += 1;
                }
                (_, _, Some(error)) => return Err(error),
            }
        }
    }

    /// Makes a request once; twice if the registry wants to know who asks. A `body` can be
    /// sent only once. An error comes with the time that the registry wants to be left alone.
    pub(super) async fn send_once(
        &self,
        operation: Operation,
        request: &Request,
        body: Option<(reqwest::Body, u64)>,
    ) -> Result<Response, (RegistryError, Option<Duration>)> {
        let (method, url) = (&request.method, &request.url);
        let transport =
            |error: reqwest::Error| (RegistryError::transport(method, url, &error), None);
        let replayable = body.is_none();
        let mut response = self
            .prepare(operation, request, body)
            .send()
            .await
            .map_err(transport)?;
        if response.status() == StatusCode::UNAUTHORIZED
            && replayable
            // Storage to which the registry redirects is not told who asks.
            && self.is_registry(response.url())
            // Without an answer to give, asking again is no use.
            && self.authorization.answer(&self.http, operation, &response).await?
        {
            let again = self.prepare(operation, request, None).send().await;
            response = again.map_err(transport)?;
        }
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let wait = retry_after(&response);
        let url = response.url().clone();
        let body = collect(response, MAX_ERROR_BODY).await.0;
        Err((RegistryError::status(method, &url, status, &body), wait))
    }

    fn prepare(
        &self,
        operation: Operation,
        request: &Request,
        body: Option<(reqwest::Body, u64)>,
    ) -> reqwest::RequestBuilder {
        let mut headers = request.headers.clone();
        // An upload may be sent to another host; the credentials are not for it.
        if self.is_registry(&request.url)
            && let Some(authorization) = self.authorization.header(operation)
        {
            headers.insert(AUTHORIZATION, authorization);
        }
        let body = body.or_else(|| {
            let body = request.body.clone()?;
            let size = body.len() as u64;
            Some((body.into(), size))
        });
        let client = if body.is_some() {
            &self.uploads
        } else {
            &self.http
        };
        let mut builder = client
            .request(request.method.clone(), request.url.clone())
            .headers(headers);
        if let Some((body, size)) = body {
            let limit = READ_TIMEOUT + Duration::from_secs(size / SLOWEST_UPLOAD);
            builder = builder.body(body).timeout(limit);
        }
        builder
    }

    fn is_registry(&self, url: &Url) -> bool {
        self.url("").is_ok_and(|own| own.origin() == url.origin())
    }
}

/// Waits before another attempt, as long as the registry asks for but not for ever.
pub(super) async fn pause(error: &RegistryError, wait: Option<Duration>, attempt: u32) {
    let wait = wait.unwrap_or_else(|| backoff(attempt)).min(MAX_WAIT);
    tracing::debug!(%error, ?wait, "request failed, trying again");
    tokio::time::sleep(wait).await;
}

/// How long to wait after the given failure, counted from 1.
pub(super) fn backoff(failure: u32) -> Duration {
    Duration::from_millis(200) * 2_u32.pow(failure.min(8) - 1)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// As much of the body as comes, up to the limit; whether that is all; and what broke it off.
pub(super) async fn collect(
    mut response: Response,
    limit: u64,
) -> (Bytes, bool, Option<RegistryError>) {
    let mut bytes = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = usize::try_from(limit).unwrap_or(usize::MAX) - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    return (bytes.freeze(), false, None);
                }
            }
            Ok(None) => return (bytes.freeze(), true, None),
            Err(error) => {
                let error = RegistryError::transport(&Method::GET, response.url(), &error);
                return (bytes.freeze(), false, Some(error));
            }
        }
    }
}
