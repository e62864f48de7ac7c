//! Requests to one repository: who is asked, as whom, how often, and how much is read.

use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use oci_client::RegistryOperation;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::error::RegistryError;
use crate::reference::ImageReference;
use crate::{Credentials, Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for so long is dead.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_ATTEMPTS: u32 = 5;
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Of an error's body, more is not read.
const MAX_ERROR_BODY: u64 = 64 << 10;
const USER_AGENT: &str = concat!("soci/", env!("CARGO_PKG_VERSION"));

/// Connections to registries. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    plain_http: bool,
}

impl Client {
    /// A client that speaks HTTPS, and plain HTTP only to this machine's own registries.
    ///
    /// # Errors
    /// When the system's certificates cannot be loaded.
    pub fn new() -> Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|error| Error::document("TLS set-up", error))?;
        Ok(Self {
            http,
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

/// One repository's registry.
pub(super) struct Connection {
    http: reqwest::Client,
    /// Exchanges credentials for tokens.
    tokens: oci_client::Client,
    reference: ImageReference,
    credentials: Credentials,
    scheme: &'static str,
    /// What to authorise reading and writing with, as far as known.
    pull: Mutex<Option<HeaderValue>>,
    push: Mutex<Option<HeaderValue>>,
}

impl Connection {
    pub(super) fn new(
        client: &Client,
        reference: &ImageReference,
        credentials: Credentials,
    ) -> Self {
        let plain = client.plain_http || reference.is_loopback();
        let (scheme, protocol) = if plain {
            ("http", ClientProtocol::Http)
        } else {
            ("https", ClientProtocol::Https)
        };
        let tokens = oci_client::Client::new(ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            user_agent: USER_AGENT,
            ..ClientConfig::default()
        });
        Self {
            http: client.http.clone(),
            tokens,
            reference: reference.clone(),
            credentials,
            scheme,
            pull: Mutex::default(),
            push: Mutex::default(),
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
        operation: RegistryOperation,
        request: Request,
    ) -> Result<Response, RegistryError> {
        let mut attempt = 1;
        let mut authorized = false;
        loop {
            let (error, wait) = match self.attempt(operation, &request).await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let status = response.status();
                    if status == StatusCode::UNAUTHORIZED && !authorized {
                        authorized = true;
                        // Without a new answer to give, asking again is no use.
                        if self.authorize(operation).await? {
                            continue;
                        }
                    }
                    let wait = retry_after(&response);
                    let url = response.url().clone();
                    let body = read_start(response, MAX_ERROR_BODY).await;
                    let error = RegistryError::status(&request.method, &url, status, &body);
                    (error, wait)
                }
                Err(error) => {
                    let error = RegistryError::transport(&request.method, &request.url, &error);
                    (error, None)
                }
            };
            if !error.is_temporary() || attempt == MAX_ATTEMPTS {
                return Err(error);
            }
            let wait = wait.unwrap_or_else(|| backoff(attempt)).min(MAX_WAIT);
            tracing::debug!(%error, ?wait, "request failed, trying again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Makes a request whose body can be sent only once.
    pub(super) async fn send_once(
        &self,
        operation: RegistryOperation,
        request: Request,
        body: reqwest::Body,
    ) -> Result<Response, RegistryError> {
        let (method, url) = (&request.method, &request.url);
        let sent = self.prepare(operation, &request).body(body).send().await;
        let response = sent.map_err(|error| RegistryError::transport(method, url, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = response.url().clone();
        let body = read_start(response, MAX_ERROR_BODY).await;
        Err(RegistryError::status(method, &url, status, &body))
    }

    async fn attempt(
        &self,
        operation: RegistryOperation,
        request: &Request,
    ) -> reqwest::Result<Response> {
        let mut builder = self.prepare(operation, request);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        builder.send().await
    }

    fn prepare(&self, operation: RegistryOperation, request: &Request) -> reqwest::RequestBuilder {
        let mut headers = request.headers.clone();
        // An upload may be sent to another host; the credentials are not for it.
        if self.is_registry(&request.url)
            && let Some(authorization) = lock(self.authorization(operation)).clone()
        {
            headers.insert(AUTHORIZATION, authorization);
        }
        self.http
            .request(request.method.clone(), request.url.clone())
            .headers(headers)
    }

    fn is_registry(&self, url: &Url) -> bool {
        self.url("").is_ok_and(|own| own.origin() == url.origin())
    }

    fn authorization(&self, operation: RegistryOperation) -> &Mutex<Option<HeaderValue>> {
        match operation {
            RegistryOperation::Pull => &self.pull,
            RegistryOperation::Push => &self.push,
        }
    }

    /// Gets what the registry wants to see. Returns whether there is something to show.
    async fn authorize(&self, operation: RegistryOperation) -> Result<bool, RegistryError> {
        let auth = match &self.credentials {
            Credentials::Anonymous => RegistryAuth::Anonymous,
            Credentials::Basic { username, password } => {
                RegistryAuth::Basic(username.clone(), password.clone())
            }
        };
        let image = self.reference.as_oci();
        let token = match self.tokens.auth(image, &auth, operation).await {
            Ok(token) => token,
            Err(error) => return Err(self.authentication_error(&error)),
        };
        let value = match (token, &self.credentials) {
            (Some(token), _) => Some(format!("Bearer {token}")),
            (None, Credentials::Basic { username, password }) => Some(basic(username, password)),
            (None, Credentials::Anonymous) => None,
        };
        let mut header = value.and_then(|value| HeaderValue::try_from(value).ok());
        if let Some(header) = &mut header {
            header.set_sensitive(true);
        }
        let known = header.is_some();
        *lock(self.authorization(operation)) = header;
        Ok(known)
    }

    fn authentication_error(&self, error: &OciDistributionError) -> RegistryError {
        let Ok(url) = self.url("") else {
            unreachable!("the repository's URL was built before")
        };
        match error {
            OciDistributionError::RequestError(error) => {
                RegistryError::transport(&Method::GET, &url, error)
            }
            // The body of the token server's answer: it names the account at most.
            OciDistributionError::AuthenticationFailure(body) => {
                RegistryError::authentication(&url, &denial(body))
            }
            _ => RegistryError::authentication(&url, "the token server's answer makes no sense"),
        }
    }
}

/// What a token server says in words, out of the usual shapes of its answer.
fn denial(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let message = body.pointer("/errors/0/message");
    let message = message
        .or_else(|| body.get("details"))
        .or_else(|| body.get("message"));
    message.and_then(|m| m.as_str()).unwrap_or("").to_owned()
}

fn basic(username: &str, password: &str) -> String {
    use base64::Engine as _;
    let encoded =
        base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
    format!("Basic {encoded}")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How long to wait after the given failure, counted from 1.
pub(super) fn backoff(failure: u32) -> Duration {
    Duration::from_millis(200) * 2_u32.pow(failure.min(8) - 1)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// The whole body, or nothing if it is longer than the limit.
pub(super) async fn read_bounded(
    response: Response,
    limit: u64,
) -> Result<Option<Bytes>, RegistryError> {
    let (bytes, whole, failure) = collect(response, limit).await;
    match failure {
        Some(error) => Err(error),
        None => Ok(whole.then_some(bytes)),
    }
}

/// As much of the body as comes, up to the limit.
async fn read_start(response: Response, limit: u64) -> Bytes {
    collect(response, limit).await.0
}

async fn collect(mut response: Response, limit: u64) -> (Bytes, bool, Option<RegistryError>) {
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
