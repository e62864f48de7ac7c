//! Showing a registry who asks.
//!
//! A registry that wants to know answers 401 with a challenge: `Basic` takes the credentials
//! themselves, `Bearer` names a token server that exchanges them for a token.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_auth::parser::ChallengeParser;
use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use url::Url;

use super::error::RegistryError;
use super::http::collect;
use crate::Credentials;

/// Longer answers of a token server are none.
const MAX_TOKEN: u64 = 256 << 10;

type Failure = (RegistryError, Option<Duration>);

/// What is to be done in the repository; more rights than that are not asked for.
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

/// Who asks one repository, and what it has been shown so far.
pub(super) struct Authorization {
    repository: String,
    credentials: Credentials,
    plain_http: bool,
    headers: Mutex<[Option<HeaderValue>; 3]>,
}

/// The token has two names. Some servers, Docker Hub's among them, use both at once.
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

    /// What to send along, as far as known.
    pub(super) fn header(&self, operation: Operation) -> Option<HeaderValue> {
        let headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        headers[operation as usize].clone()
    }

    /// Finds out what the challenge of a 401 wants to see. Returns whether there is something
    /// to show.
    pub(super) async fn answer(
        &self,
        http: &reqwest::Client,
        operation: Operation,
        refused: &Response,
    ) -> Result<bool, Failure> {
        let mut value = None;
        for (scheme, parameters) in challenges(refused) {
            value = match (scheme.as_str(), &self.credentials) {
                ("basic", Credentials::Basic { username, password }) => {
                    Some(basic(username, password))
                }
                ("bearer", _) => Some(self.token(http, operation, refused, &parameters).await?),
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
        parameters: &[(String, String)],
    ) -> Result<String, Failure> {
        let parameter = |name: &str| {
            let mut found = parameters.iter().filter(|(key, _)| key == name);
            found.next().map(|(_, value)| value.as_str())
        };
        let nonsense = |url: &Url, reason| (RegistryError::answer(&Method::GET, url, reason), None);
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
        let response = response
            .map_err(|error| (RegistryError::transport(&Method::GET, &url, &error), None))?;
        let status = response.status();
        let (body, whole, failure) = collect(response, MAX_TOKEN).await;
        if !status.is_success() {
            let refusal = matches!(
                status,
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            );
            let error = if refusal {
                RegistryError::authentication(&url, status, &denial(&body))
            } else {
                RegistryError::status(&Method::GET, &url, status, &body)
            };
            return Err((error, None));
        }
        if let Some(error) = failure {
            return Err((error, None));
        }
        let answer = serde_json::from_slice::<Token>(&body).ok();
        let token = answer.filter(|_| whole).and_then(|answer| {
            let names = [answer.token, answer.access_token];
            names.into_iter().flatten().find(|token| !token.is_empty())
        });
        token
            .map(|token| format!("Bearer {token}"))
            .ok_or_else(|| nonsense(&url, "the token server's answer holds no token"))
    }
}

/// The challenges of an answer: scheme in lower case, and parameters.
fn challenges(refused: &Response) -> Vec<(String, Vec<(String, String)>)> {
    let headers = refused.headers().get_all(WWW_AUTHENTICATE).iter();
    let texts = headers.filter_map(|header| header.to_str().ok());
    texts
        .flat_map(|text| ChallengeParser::new(text).filter_map(Result::ok))
        .map(|challenge| {
            let parameters = challenge.params.iter();
            let parameters =
                parameters.map(|(key, value)| (key.to_ascii_lowercase(), value.to_unescaped()));
            (challenge.scheme.to_ascii_lowercase(), parameters.collect())
        })
        .collect()
}

fn basic(username: &str, password: &str) -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    )
}

/// What a token server says in words, out of the usual shapes of its answer.
fn denial(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let message = body.pointer("/errors/0/message");
    let message = message
        .or_else(|| body.get("details"))
        .or_else(|| body.get("message"));
    message.and_then(|m| m.as_str()).unwrap_or("").to_owned()
}
