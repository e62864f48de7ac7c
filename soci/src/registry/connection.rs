//! Requests to one repository, with authorization and retries.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LINK};
use reqwest::{Method, Response};
use url::Url;

use super::auth::{Authorization, Operation, Refusal};
use super::body::Body;
use super::client::{Client, READ_TIMEOUT};
use super::credentials::CredentialChain;
use super::exchange;
use super::retry::{Failure, MAX_ATTEMPTS, retry_after};
use super::route::PlainTokenServers;
use crate::error::RegistryError;
use crate::oci::ImageReference;

/// Maximum time from sending a request until the response begins, including redirects.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Minimum speed of an upload in bytes per second.
const SLOWEST_UPLOAD: u64 = 64 << 10;
/// Maximum size of an error body in bytes.
const MAX_ERROR_BODY: u64 = 64 << 10;

/// A request that can be repeated.
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

/// A body of known size that can be sent only once.
pub(super) struct Upload {
    pub body: reqwest::Body,
    pub size: u64,
}

/// A response with its body.
pub(super) struct Answer {
    pub url: Url,
    pub headers: HeaderMap,
    /// The body; `None` if it is longer than allowed.
    pub body: Option<Bytes>,
}

/// A connection to one repository.
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
        credentials: CredentialChain,
    ) -> Self {
        let plain = client.plain_http.unwrap_or_else(|| reference.is_loopback());
        let token_servers = match client.plain_http {
            Some(true) => PlainTokenServers::Any,
            None if plain => PlainTokenServers::Loopback,
            _ => PlainTokenServers::Never,
        };
        Self {
            http: client.http.clone(),
            uploads: client.uploads.clone(),
            reference: reference.clone(),
            authorization: Authorization::new(reference, credentials, token_servers),
            scheme: if plain { "http" } else { "https" },
        }
    }

    /// Returns the URL of a path in the repository.
    pub(super) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let host = self.reference.api_host();
        let repository = self.reference.repository();
        let url = format!("{}://{host}/v2/{repository}/{path}", self.scheme);
        url.parse()
            .map_err(|error| RegistryError::url(&self.reference.to_string(), error))
    }

    /// Returns the next page of a list (`Link: </v2/…>; rel="next"`). A page on another server is
    /// an error, because a partial list must not be taken for the whole list.
    pub(super) fn next_page(&self, answer: &Answer) -> Result<Option<Url>, RegistryError> {
        let links = answer.headers.get_all(LINK).iter();
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
        match self.join(&answer.url, target) {
            Some(next) if next.origin() == answer.url.origin() => Ok(Some(next)),
            _ => {
                let reason = "the next page of the list is on another server";
                Err(RegistryError::answer(&Method::GET, &answer.url, reason))
            }
        }
    }

    /// Resolves a URL from a response, which may be relative.
    pub(super) fn join(&self, base: &Url, target: &str) -> Option<Url> {
        let mut url = base.join(target).ok()?;
        // Behind a proxy that terminates TLS, registries may generate `http` URLs.
        let own = self.url("").ok()?;
        if (own.scheme(), url.scheme()) == ("https", "http")
            && (own.host_str(), own.port()) == (url.host_str(), url.port())
        {
            url.set_scheme("https").ok()?;
        }
        Some(url)
    }

    /// Returns the URL at which a registry describes how to authenticate.
    fn front_door(&self) -> Result<Url, RegistryError> {
        self.url("")?
            .join("/v2/")
            .map_err(|error| RegistryError::url(&self.reference.to_string(), error))
    }

    // These are boxed so that they are compiled here, once. Otherwise every crate that awaits these
    // functions would compile them again, and every program, test and function does.

    /// Makes a request until it succeeds or is finally refused.
    pub(super) fn send<'a>(
        &'a self,
        operation: Operation,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Response, RegistryError>> {
        Box::pin(async move {
            let mut attempt = 1;
            loop {
                let failure = match self.send_once(operation, request, None).await {
                    Ok(response) => return Ok(response),
                    Err(failure) => failure,
                };
                if !failure.may_pass(attempt) {
                    return Err(failure.error);
                }
                failure.pause(attempt).await;
                attempt += 1;
            }
        })
    }

    /// Makes a request and reads the response, repeating both if necessary.
    pub(super) fn read<'a>(
        &'a self,
        operation: Operation,
        request: &'a Request,
        limit: u64,
    ) -> BoxFuture<'a, Result<Answer, RegistryError>> {
        Box::pin(async move {
            let mut attempt = 1;
            loop {
                let response = self.send(operation, request).await?;
                let (url, headers) = (response.url().clone(), response.headers().clone());
                let body = Body::read(response, limit).await;
                match body.error {
                    None => {
                        return Ok(Answer {
                            url,
                            headers,
                            body: body.whole.then_some(body.bytes),
                        });
                    }
                    Some(error) if error.is_temporary() && attempt < MAX_ATTEMPTS => {
                        Failure::from(error).pause(attempt).await;
                        attempt += 1;
                    }
                    Some(error) => return Err(error),
                }
            }
        })
    }

    /// Makes a request once for each source of credentials until the registry accepts one. An
    /// `upload` replaces the request's own body and is sent only once.
    pub(super) fn send_once<'a>(
        &'a self,
        operation: Operation,
        request: &'a Request,
        mut upload: Option<Upload>,
    ) -> BoxFuture<'a, Result<Response, Failure>> {
        Box::pin(async move {
            let (method, url) = (&request.method, &request.url);
            let transport = |error| RegistryError::transport(method, url, error);
            let replayable = upload.is_none();
            let sent = match (&upload, &request.body) {
                (Some(upload), _) => upload.size,
                (None, Some(body)) => body.len() as u64,
                (None, None) => 0,
            };
            let limit = ANSWER_TIMEOUT + Duration::from_secs(sent / SLOWEST_UPLOAD);
            let mut passage = self.authorization.begin(operation);
            loop {
                let request = self.prepare(passage.header(), request, upload.take());
                let response = match tokio::time::timeout(limit, exchange::send(request)).await {
                    Ok(response) => response.map_err(transport)?,
                    Err(_) => {
                        let reason = "no complete response within the time limit";
                        return Err(RegistryError::slow(method, url, reason).into());
                    }
                };
                let status = response.status();
                if status.is_success() {
                    passage.accepted();
                    return Ok(response);
                }
                let retry_after = retry_after(&response);
                // Storage to which the registry redirects does not get credentials.
                let refusal = Refusal::of(&response)
                    .filter(|_| replayable && self.is_registry(response.url()));
                let refused_url = self.is_url_refused(method, url, &response);
                let url = response.url().clone();
                let body = Body::read(response, MAX_ERROR_BODY).await.bytes;
                let error = || RegistryError::status(method, &url, status, &body);
                let Some(refusal) = refusal else {
                    passage.accepted();
                    return Err(Failure {
                        error: error(),
                        retry_after,
                        refused_url,
                    });
                };
                let front_door = self.front_door()?;
                // This path is rare, and its state is large.
                let known = Box::pin(passage.refused(&self.http, &front_door, refusal, error()));
                if !known.await? {
                    return Err(passage.exhausted(error()).into());
                }
            }
        })
    }

    fn prepare(
        &self,
        authorization: Option<HeaderValue>,
        request: &Request,
        upload: Option<Upload>,
    ) -> reqwest::RequestBuilder {
        let mut headers = request.headers.clone();
        // An upload may go to another host, which must not receive the credentials.
        if self.is_registry(&request.url)
            && let Some(authorization) = authorization
        {
            headers.insert(AUTHORIZATION, authorization);
        }
        let upload = upload.or_else(|| {
            let body = request.body.clone()?;
            let size = body.len() as u64;
            let body = body.into();
            Some(Upload { body, size })
        });
        let client = if upload.is_some() {
            &self.uploads
        } else {
            &self.http
        };
        let mut builder = client
            .request(request.method.clone(), request.url.clone())
            .headers(headers);
        if let Some(Upload { body, size }) = upload {
            let limit = READ_TIMEOUT + Duration::from_secs(size / SLOWEST_UPLOAD);
            builder = builder.body(body).timeout(limit);
        }
        builder
    }

    /// Returns whether storage rejects the URL to which the registry redirected a request. Never
    /// true for HEAD, which storage rejects if the URL is signed for GET.
    fn is_url_refused(&self, method: &Method, asked: &Url, response: &Response) -> bool {
        // Google's storage returns 400 where others return 403.
        let refused = matches!(response.status().as_u16(), 400 | 401 | 403);
        let redirected = self.is_registry(asked) && !self.is_registry(response.url());
        *method == Method::GET && refused && redirected
    }

    fn is_registry(&self, url: &Url) -> bool {
        self.url("").is_ok_and(|own| own.origin() == url.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::credentials::Credentials;

    #[test]
    fn plain_urls_behind_tls() {
        let client = Client::new().expect("a client");
        let reference = "r.test:8443/shop/web:1".parse().expect("a reference");
        let connection = Connection::new(&client, &reference, Credentials::Anonymous.into());
        let base = connection.url("blobs/uploads/").expect("a URL");
        for (target, want) in [
            ("/up/1?a=b", "https://r.test:8443/up/1?a=b"),
            ("https://r.test:8443/up/1", "https://r.test:8443/up/1"),
            ("http://r.test:8443/up/1", "https://r.test:8443/up/1"),
            // Another server, which does not get credentials.
            ("http://r.test/up/1", "http://r.test/up/1"),
            ("http://s.test:8443/up/1", "http://s.test:8443/up/1"),
        ] {
            let url = connection.join(&base, target).expect("a URL");
            assert_eq!(url.as_str(), want);
        }
    }
}
