//! Errors that a registry answers with, or that keep it from answering.

use std::fmt;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

/// A request that failed.
#[derive(Debug)]
pub struct RegistryError {
    method: Method,
    url: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// No whole answer came.
    Transport { reason: String, temporary: bool },
    /// The answer says no.
    Status {
        status: StatusCode,
        details: Vec<Detail>,
    },
    /// The registry's token server says no.
    Authentication { status: StatusCode, reason: String },
    /// The answer is no sensible one.
    Answer { reason: &'static str },
}

/// One error of an answer's body.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Detail {
    /// The code, e.g. `MANIFEST_UNKNOWN`.
    #[serde(default)]
    pub code: String,
    /// What the registry says in words.
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Detail>,
}

impl RegistryError {
    pub(super) fn transport(method: &Method, url: &Url, error: &reqwest::Error) -> Self {
        // A body that breaks off comes as an error of decoding.
        let broken = error.is_body() || error.is_decode();
        let temporary = error.is_connect() || error.is_timeout() || broken;
        Self::new(
            method,
            url,
            Kind::Transport {
                reason: root_cause(error),
                temporary: temporary || error.is_request(),
            },
        )
    }

    pub(super) fn status(method: &Method, url: &Url, status: StatusCode, body: &[u8]) -> Self {
        let mut details = serde_json::from_slice(body).map_or(Vec::new(), |e: Envelope| e.errors);
        details.truncate(4);
        for detail in &mut details {
            detail.code = printable(&detail.code);
            detail.message = printable(&detail.message);
        }
        Self::new(method, url, Kind::Status { status, details })
    }

    pub(super) fn authentication(url: &Url, status: StatusCode, reason: &str) -> Self {
        let reason = printable(reason);
        Self::new(&Method::GET, url, Kind::Authentication { status, reason })
    }

    pub(super) fn answer(method: &Method, url: &Url, reason: &'static str) -> Self {
        Self::new(method, url, Kind::Answer { reason })
    }

    fn new(method: &Method, url: &Url, kind: Kind) -> Self {
        Self {
            method: method.clone(),
            url: redacted(url),
            kind,
        }
    }

    /// The status of the answer, if one came.
    pub fn status_code(&self) -> Option<u16> {
        match &self.kind {
            Kind::Status { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// The errors in the answer's body.
    pub fn details(&self) -> &[Detail] {
        match &self.kind {
            Kind::Status { details, .. } => details,
            _ => &[],
        }
    }

    /// The registry says that the thing asked for does not exist. Status 404 alone does not
    /// say that: anything between here and the registry may answer with it.
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

    /// The request was one to change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }

    /// The credentials are missing, wrong, or not good for this.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.kind, Kind::Authentication { .. })
            || matches!(self.status_code(), Some(401 | 403))
    }

    /// No answer came.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.kind, Kind::Transport { .. })
    }

    /// The same request may succeed a little later.
    pub fn is_temporary(&self) -> bool {
        match &self.kind {
            Kind::Transport { temporary, .. } => *temporary,
            Kind::Status { status, .. } => {
                matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
            }
            Kind::Authentication { .. } | Kind::Answer { .. } => false,
        }
    }
}

impl std::error::Error for RegistryError {}

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
        }
    }
}

/// A URL without its secrets: upload sessions and presigned downloads carry theirs in the
/// query, of which only what the protocol itself defines is shown.
fn redacted(url: &Url) -> String {
    const SHOWN: [&str; 8] = [
        "digest",
        "mount",
        "from",
        "artifactType",
        "n",
        "last",
        "service",
        "scope",
    ];
    let mut shown = url.clone();
    // Neither call can fail on a URL that has a host.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    shown.set_query(None);
    let mut hidden = false;
    for (key, value) in url.query_pairs() {
        if SHOWN.contains(&&*key) {
            shown.query_pairs_mut().append_pair(&key, &value);
        } else {
            hidden = true;
        }
    }
    let mut text = printable(shown.as_str());
    if hidden {
        text.push_str(" (query redacted)");
    }
    text
}

/// At most a line of what came from outside, without control characters.
fn printable(text: &str) -> String {
    let line = text.chars().filter(|c| !c.is_control());
    let mut line: String = line.take(400).collect();
    line.truncate(line.trim_end().len());
    line
}

/// The innermost cause: "connection refused" rather than "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // The outer texts hold the URL; a cause of its own does not.
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
    fn urls_keep_no_secrets() {
        let upload = url("https://u:p@r.test/v2/a/blobs/uploads/1?_state=SECRET&digest=sha256:00");
        assert_eq!(
            redacted(&upload),
            "https://r.test/v2/a/blobs/uploads/1?digest=sha256%3A00 (query redacted)"
        );
        let presigned = url("https://s3.test/b?X-Amz-Signature=SECRET&X-Amz-Credential=SECRET");
        assert_eq!(redacted(&presigned), "https://s3.test/b (query redacted)");
    }

    #[test]
    fn answers_are_quoted_in_bounds() {
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
