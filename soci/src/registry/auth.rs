//! Authorization.
//!
//! A registry that requires it answers 401 with a challenge: `Basic` takes the credentials
//! themselves, `Bearer` names a token server that exchanges them for a token.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_auth::parser::ChallengeParser;
use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use url::Url;

use super::body::Body;
use super::credentials::Credentials;
use crate::error::RegistryError;

/// Maximum size of a token response.
const MAX_TOKEN: u64 = 256 << 10;

/// An operation on the repository. A token is requested with the rights for it and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Pull,
    Push,
    Delete,
}

impl Operation {
    fn actions(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "pull,push,delete",
        }
    }
}

/// The credentials for one repository, and the headers made of them so far, by operation.
pub(super) struct Authorization {
    repository: String,
    credentials: Credentials,
    plain_http: bool,
    headers: Mutex<[Option<HeaderValue>; 3]>,
}

/// A token response. The token has two names; some servers, such as Docker Hub's, use both.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Authorization {
    pub(super) fn new(repository: &str, credentials: Credentials, plain_http: bool) -> Self {
        Self {
            repository: repository.to_owned(),
            credentials,
            plain_http,
            headers: Mutex::default(),
        }
    }

    /// Returns the header to send, as far as known.
    pub(super) fn header(&self, operation: Operation) -> Option<HeaderValue> {
        let headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        headers[operation as usize].clone()
    }

    /// Answers the challenge of a 401. Returns whether there is a header to send now.
    pub(super) async fn answer(
        &self,
        http: &reqwest::Client,
        operation: Operation,
        refused: &Response,
    ) -> Result<bool, RegistryError> {
        let mut value = None;
        for challenge in challenges(refused) {
            value = match (challenge.scheme.as_str(), &self.credentials) {
                ("basic", Credentials::Basic { username, password }) => {
                    Some(basic(username, password))
                }
                ("bearer", _) => Some(self.token(http, operation, refused, &challenge).await?),
                _ => continue,
            };
            break;
        }
        let mut header = value.and_then(|value| HeaderValue::try_from(value).ok());
        if let Some(header) = &mut header {
            header.set_sensitive(true);
        }
        let known = header.is_some();
        let mut headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        headers[operation as usize] = header;
        Ok(known)
    }

    /// Exchanges the credentials for a token.
    async fn token(
        &self,
        http: &reqwest::Client,
        operation: Operation,
        refused: &Response,
        challenge: &Challenge,
    ) -> Result<String, RegistryError> {
        let parameter = |name: &str| challenge.parameters.get(name).map(String::as_str);
        let nonsense = |url: &Url, reason| RegistryError::answer(&Method::GET, url, reason);
        let Some(mut url) = parameter("realm").and_then(|realm| realm.parse::<Url>().ok()) else {
            let reason = "the challenge names no token server";
            return Err(nonsense(refused.url(), reason));
        };
        if url.scheme() != "https" && !self.plain_http {
            let reason = "the challenge names a token server without TLS";
            return Err(nonsense(refused.url(), reason));
        }
        let scope = format!("repository:{}:{}", self.repository, operation.actions());
        url.query_pairs_mut()
            .extend_pairs(parameter("service").map(|service| ("service", service)))
            .append_pair("scope", &scope);
        let mut request = http.get(url.clone());
        if let Credentials::Basic { username, password } = &self.credentials {
            request = request.header(AUTHORIZATION, basic(username, password));
        }
        let response = request.send().await;
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
        token
            .map(|token| format!("Bearer {token}"))
            .ok_or_else(|| nonsense(&url, "the token server's answer holds no token"))
    }
}

/// One challenge of a registry.
struct Challenge {
    /// Scheme in lower case.
    scheme: String,
    /// Names in lower case, and values.
    parameters: HashMap<String, String>,
}

/// Returns the challenges of a response.
fn challenges(refused: &Response) -> Vec<Challenge> {
    let headers = refused.headers().get_all(WWW_AUTHENTICATE).iter();
    let texts = headers.filter_map(|header| header.to_str().ok());
    texts
        .flat_map(|text| ChallengeParser::new(text).filter_map(Result::ok))
        .map(|challenge| {
            let mut parameters = HashMap::new();
            for (key, value) in &challenge.params {
                let first = parameters.entry(key.to_ascii_lowercase());
                first.or_insert_with(|| value.to_unescaped());
            }
            Challenge {
                scheme: challenge.scheme.to_ascii_lowercase(),
                parameters,
            }
        })
        .collect()
}

fn basic(username: &str, password: &str) -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    )
}

/// Returns the message of a token server, out of the usual shapes of its responses.
fn denial(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let message = body.pointer("/errors/0/message");
    let message = message
        .or_else(|| body.get("details"))
        .or_else(|| body.get("message"));
    message.and_then(|m| m.as_str()).unwrap_or("").to_owned()
}
