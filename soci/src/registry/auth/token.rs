//! Tokens, which a token server issues for credentials.

use std::convert::Infallible;

use futures_util::stream;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::challenge::Challenge;
use super::header::basic;
use super::operation::Operation;
use crate::error::RegistryError;
use crate::registry::body::Body;
use crate::registry::credentials::Credentials;
use crate::registry::exchange;
use crate::registry::route::{self, PlainTokenServers};

/// Maximum size of a token response in bytes.
const MAX_TOKEN: u64 = 256 << 10;
/// Name under which this client identifies itself to token servers.
const CLIENT_ID: &str = "soci";

/// A token response. The token has two names; some servers, such as Docker Hub's, use both.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// Access to a token server.
pub(super) struct TokenServer<'a> {
    pub http: &'a reqwest::Client,
    pub repository: &'a str,
    pub operation: Operation,
    /// Token servers without TLS that may receive credentials.
    pub plain: PlainTokenServers,
}

impl TokenServer<'_> {
    /// Exchanges credentials for a token. `asked` is the URL that returned the challenge.
    pub(super) async fn token(
        &self,
        credentials: &Credentials,
        challenge: &Challenge,
        asked: &Url,
    ) -> Result<String, RegistryError> {
        let nonsense = |url: &Url, reason| Err(RegistryError::answer(&Method::GET, url, reason));
        let realm = challenge.parameter("realm");
        let Some(mut url) = realm.and_then(|realm| realm.parse::<Url>().ok()) else {
            return nonsense(asked, "the challenge names no token server");
        };
        if route::is_refused(&url) {
            return nonsense(asked, "the challenge names a link-local address");
        }
        let goes = match self.plain {
            PlainTokenServers::Never => false,
            PlainTokenServers::Loopback => route::is_loopback(&url),
            PlainTokenServers::Any => true,
        };
        if url.scheme() != "https" && !goes {
            return nonsense(asked, "the challenge names a token server without TLS");
        }
        let scope = format!(
            "repository:{}:{}",
            self.repository,
            self.operation.actions()
        );
        let service = challenge.parameter("service");
        let service = service.map(|service| ("service", service));
        let request = match credentials {
            Credentials::IdentityToken(token) => {
                let form = form_urlencoded::Serializer::new(String::new())
                    .append_pair("grant_type", "refresh_token")
                    .append_pair("refresh_token", token)
                    .extend_pairs(service)
                    .append_pair("scope", &scope)
                    .append_pair("client_id", CLIENT_ID)
                    .finish();
                let form_type = "application/x-www-form-urlencoded";
                let request = self.http.post(url.clone());
                let request = request.header(CONTENT_TYPE, form_type);
                let request = request.header(CONTENT_LENGTH, form.len());
                // A stream is sent only once, so a redirect cannot forward the token to another
                // server.
                let once = stream::iter([Ok::<_, Infallible>(form)]);
                request.body(reqwest::Body::wrap_stream(once))
            }
            credentials => {
                url.query_pairs_mut()
                    .extend_pairs(service)
                    .append_pair("scope", &scope);
                let request = self.http.get(url.clone());
                match credentials {
                    Credentials::Basic { username, password } => {
                        request.header(AUTHORIZATION, basic(username, password))
                    }
                    _ => request,
                }
            }
        };
        let response = exchange::send(request).await;
        let response =
            response.map_err(|error| RegistryError::transport(&Method::GET, &url, error))?;
        let status = response.status();
        let body = Body::read(response, MAX_TOKEN).await;
        if !status.is_success() {
            let refusal = matches!(
                status,
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            );
            let error = if refusal {
                RegistryError::authentication(&url, status, &denial(&body.bytes))
            } else {
                RegistryError::status(&Method::GET, &url, status, &body.bytes)
            };
            return Err(error);
        }
        if let Some(error) = body.error {
            return Err(error);
        }
        let answer = serde_json::from_slice::<Token>(&body.bytes).ok();
        let token = answer.filter(|_| body.whole).and_then(|answer| {
            let names = [answer.token, answer.access_token];
            names.into_iter().flatten().find(|token| !token.is_empty())
        });
        match token {
            Some(token) => Ok(token),
            None => nonsense(&url, "the token server's answer holds no token"),
        }
    }
}

/// Returns a token server's error message, in any of the usual response formats.
fn denial(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let message = body.pointer("/errors/0/message");
    let message = message
        .or_else(|| body.get("details"))
        .or_else(|| body.get("message"))
        .or_else(|| body.get("error_description"))
        .or_else(|| body.get("error"));
    message.and_then(|m| m.as_str()).unwrap_or("").to_owned()
}
