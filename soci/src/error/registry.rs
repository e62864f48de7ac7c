//! Errors of registries: clients, credentials and requests.

use std::{fmt, io};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

/// Reason why a client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A certificate is invalid.
    #[error("CA certificates: {0}")]
    InvalidCertificate(#[source] reqwest::Error),
    /// There is no certificate.
    #[error("CA certificates: there is none in PEM form")]
    NoCertificate,
    /// TLS is not available, for want of the system's certificates for example.
    #[error("TLS set-up: {0}")]
    Tls(#[source] reqwest::Error),
}

/// Reason why Docker's configuration yields no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("Docker's configuration: {0}")]
    Unreadable(#[source] io::Error),
    /// The file is invalid.
    #[error("Docker's configuration: {0}")]
    Invalid(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file has an identity token, which is not supported.
    #[error(
        "Docker's configuration has an identity token, which is not supported; \
         log in with a user name and a password or access token"
    )]
    IdentityToken,
    /// A credential helper failed. Its output is not kept, because it may hold the secret.
    #[error("the credential helper {helper:?} failed")]
    Helper {
        /// Name of the helper.
        helper: String,
    },
}

/// A request that failed.
#[derive(Debug)]
pub struct RegistryError {
    method: Method,
    url: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// No complete response arrived.
    Transport {
        /// The innermost cause, printable.
        reason: String,
        temporary: bool,
        source: reqwest::Error,
    },
    /// The response refuses the request.
    Status {
        status: StatusCode,
        details: Vec<Detail>,
    },
    /// The registry's token server refuses the credentials.
    Authentication { status: StatusCode, reason: String },
    /// The response makes no sense.
    Answer { reason: &'static str },
    /// The reference makes no URL.
    Url(url::ParseError),
}

/// One error in the body of a response.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Detail {
    /// Code, such as `MANIFEST_UNKNOWN`.
    #[serde(default)]
    pub code: String,
    /// Message for people.
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Detail>,
}

impl RegistryError {
    pub(crate) fn transport(method: &Method, url: &Url, error: reqwest::Error) -> Self {
        // A body that breaks off is reported as a decoding error.
        let broken = error.is_body() || error.is_decode();
        let temporary = error.is_connect() || error.is_timeout() || broken;
        Self::new(
            method,
            url,
            Kind::Transport {
                reason: root_cause(&error),
                temporary: temporary || error.is_request(),
                // The URL may hold secrets.
                source: error.without_url(),
            },
        )
    }

    pub(crate) fn status(method: &Method, url: &Url, status: StatusCode, body: &[u8]) -> Self {
        let mut details = serde_json::from_slice(body).map_or(Vec::new(), |e: Envelope| e.errors);
        details.truncate(4);
        for detail in &mut details {
            detail.code = printable(&detail.code);
            detail.message = printable(&detail.message);
        }
        Self::new(method, url, Kind::Status { status, details })
    }

    pub(crate) fn authentication(url: &Url, status: StatusCode, reason: &str) -> Self {
        let reason = printable(reason);
        Self::new(&Method::GET, url, Kind::Authentication { status, reason })
    }

    pub(crate) fn answer(method: &Method, url: &Url, reason: &'static str) -> Self {
        Self::new(method, url, Kind::Answer { reason })
    }

    /// Reports a `reference` that makes no URL.
    pub(crate) fn url(reference: &str, error: url::ParseError) -> Self {
        Self {
            method: Method::GET,
            url: printable(reference),
            kind: Kind::Url(error),
        }
    }

    fn new(method: &Method, url: &Url, kind: Kind) -> Self {
        Self {
            method: method.clone(),
            url: redacted(url),
            kind,
        }
    }

    /// Returns the status of the response, if one arrived.
    pub fn status_code(&self) -> Option<u16> {
        match &self.kind {
            Kind::Status { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Returns the errors in the response's body.
    pub fn details(&self) -> &[Detail] {
        match &self.kind {
            Kind::Status { details, .. } => details,
            _ => &[],
        }
    }

    /// Whether the registry says that something does not exist. Status 404 alone does not say so:
    /// anything between here and the registry may answer with it.
    pub fn is_not_found(&self) -> bool {
        const UNKNOWN: [&str; 4] = [
            "MANIFEST_UNKNOWN",
            "NAME_UNKNOWN",
            "BLOB_UNKNOWN",
            "NOT_FOUND",
        ];
        let mut codes = self.details().iter().map(|detail| detail.code.as_str());
        self.status_code() == Some(404) && codes.any(|code| UNKNOWN.contains(&code))
    }

    /// Whether the request was to change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }

    /// Whether the credentials are missing, wrong, or not sufficient.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.kind, Kind::Authentication { .. })
            || matches!(self.status_code(), Some(401 | 403))
    }

    /// Whether no response arrived.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.kind, Kind::Transport { .. })
    }

    /// Whether the same request may succeed a little later.
    pub fn is_temporary(&self) -> bool {
        match &self.kind {
            Kind::Transport { temporary, .. } => *temporary,
            Kind::Status { status, .. } => {
                matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
            }
            Kind::Authentication { .. } | Kind::Answer { .. } | Kind::Url(_) => false,
        }
    }
}

impl std::error::Error for RegistryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Transport { source, .. } => Some(source),
            Kind::Url(source) => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.method, self.url)?;
        match &self.kind {
            Kind::Transport { reason, .. } => f.write_str(reason),
            Kind::Status { status, details } => {
                write!(f, "{status}")?;
                for Detail { code, message } in details {
                    write!(f, ", {code}: {message}")?;
                }
                Ok(())
            }
            Kind::Authentication { status, reason } => {
                write!(f, "no token granted: {status}")?;
                match reason.as_str() {
                    "" => Ok(()),
                    reason => write!(f, ", {reason}"),
                }
            }
            Kind::Answer { reason } => f.write_str(reason),
            Kind::Url(error) => error.fmt(f),
        }
    }
}

/// Returns a URL without secrets: upload sessions and presigned downloads carry theirs in the query,
/// of which only the parameters of the protocol itself are printed.
fn redacted(url: &Url) -> String {
    const PRINTED: [&str; 8] = [
        "digest",
        "mount",
        "from",
        "artifactType",
        "n",
        "last",
        "service",
        "scope",
    ];
    let mut printed = url.clone();
    // Neither call fails on a URL that has a host.
    let _ = printed.set_username("");
    let _ = printed.set_password(None);
    printed.set_fragment(None);
    printed.set_query(None);
    let mut hidden = false;
    for (key, value) in url.query_pairs() {
        if PRINTED.contains(&&*key) {
            printed.query_pairs_mut().append_pair(&key, &value);
        } else {
            hidden = true;
        }
    }
    let mut text = printable(printed.as_str());
    if hidden {
        text.push_str(" (query redacted)");
    }
    text
}

/// Returns at most a line of untrusted text, without control characters.
fn printable(text: &str) -> String {
    let line = text.chars().filter(|c| !c.is_control());
    let mut line: String = line.take(400).collect();
    line.truncate(line.trim_end().len());
    line
}

/// Returns the innermost cause: "connection refused" rather than "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // The outer messages hold the URL; those of other causes do not.
    if std::ptr::addr_eq(cause, error) {
        return "request failed".to_owned();
    }
    printable(&cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn urls_are_redacted() {
        let upload = url("https://u:p@r.test/v2/a/blobs/uploads/1?_state=SECRET&digest=sha256:00");
        assert_eq!(
            redacted(&upload),
            "https://r.test/v2/a/blobs/uploads/1?digest=sha256%3A00 (query redacted)"
        );
        let presigned = url("https://s3.test/b?X-Amz-Signature=SECRET&X-Amz-Credential=SECRET");
        assert_eq!(redacted(&presigned), "https://s3.test/b (query redacted)");
    }

    #[test]
    fn quotes_of_responses_are_bounded() {
        let long = "x".repeat(10_000);
        let body = format!(r#"{{"errors":[{{"code":"TAG_INVALID","message":"a\nb{long}"}}]}}"#);
        let url = url("https://r.test/v2/a/manifests/t");
        let error =
            RegistryError::status(&Method::PUT, &url, StatusCode::BAD_REQUEST, body.as_bytes());
        let text = error.to_string();
        let start = "PUT https://r.test/v2/a/manifests/t: 400 Bad Request, TAG_INVALID: abxxx";
        assert!(text.starts_with(start), "{text}");
        assert!(text.len() < 600);
        let no_json = RegistryError::status(&Method::GET, &url, StatusCode::BAD_GATEWAY, b"<html>");
        assert!(no_json.is_temporary() && no_json.details().is_empty());
    }
}
