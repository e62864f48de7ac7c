//! Errors from registries: client setup and requests.

use std::fmt;

use reqwest::{Method, StatusCode};
use rustls::InvalidMessage;
use serde::Deserialize;
use url::Url;

use super::credentials::Tried;

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
    /// TLS is unavailable, for example because the system's certificates are missing.
    #[error(
        "TLS set-up: {0}; install the certificate authorities that the system trusts \
         (package ca-certificates), or name a file with them in SSL_CERT_FILE"
    )]
    Tls(#[source] reqwest::Error),
}

/// A request that failed.
#[derive(Debug)]
pub struct RegistryError {
    method: Method,
    url: String,
    kind: Kind,
    /// Sources of credentials that were tried.
    tried: Vec<Tried>,
    refuses_log_in: bool,
}

#[derive(Debug)]
enum Kind {
    /// No complete response arrived.
    Transport {
        /// The innermost cause, safe to print.
        reason: String,
        temporary: bool,
        tls: Option<TlsFailure>,
        source: reqwest::Error,
    },
    /// The response rejects the request.
    Status {
        status: StatusCode,
        details: Vec<Detail>,
    },
    /// The registry's token server rejects the credentials.
    Authentication { status: StatusCode, reason: String },
    /// The response is not valid.
    Answer { reason: &'static str },
    /// The response arrives too slowly.
    Slow { reason: &'static str },
    /// The reference does not form a valid URL.
    Url(url::ParseError),
}

/// A TLS failure that different settings would avoid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlsFailure {
    /// The other side does not speak TLS.
    Plain,
    /// The certificate is not trusted.
    Certificate,
}

/// One error in the body of a response.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Detail {
    /// Code, such as `MANIFEST_UNKNOWN`.
    #[serde(default)]
    pub code: String,
    /// Human-readable message.
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Detail>,
}

impl RegistryError {
    pub(crate) fn transport(method: &Method, url: &Url, error: reqwest::Error) -> Self {
        // A body that is cut off is reported as a decoding error.
        let broken = error.is_body() || error.is_decode();
        let temporary = error.is_connect() || error.is_timeout() || broken;
        let tls = tls_failure(&error);
        Self::new(
            method,
            url,
            Kind::Transport {
                reason: match tls {
                    Some(TlsFailure::Plain) => "the server does not speak TLS".to_owned(),
                    _ => root_cause(&error),
                },
                temporary: (temporary || error.is_request()) && tls.is_none(),
                tls,
                // The URL may contain secrets.
                source: error.without_url(),
            },
        )
    }

    pub(crate) fn status(method: &Method, url: &Url, status: StatusCode, body: &[u8]) -> Self {
        let mut details = serde_json::from_slice(body).map_or(Vec::new(), |e: Envelope| e.errors);
        details.truncate(4);
        for detail in &mut details {
            detail.code = printable(&detail.code);
            // The message becomes part of a sentence.
            detail.message = printable(detail.message.trim_end_matches('.'));
        }
        Self::new(method, url, Kind::Status { status, details })
    }

    pub(crate) fn authentication(url: &Url, status: StatusCode, reason: &str) -> Self {
        let reason = printable(reason);
        Self::new(&Method::GET, url, Kind::Authentication { status, reason })
    }

    pub(crate) fn slow(method: &Method, url: &Url, reason: &'static str) -> Self {
        Self::new(method, url, Kind::Slow { reason })
    }

    pub(crate) fn answer(method: &Method, url: &Url, reason: &'static str) -> Self {
        Self::new(method, url, Kind::Answer { reason })
    }

    /// Reports a `reference` that does not form a valid URL.
    pub(crate) fn url(reference: &str, error: url::ParseError) -> Self {
        Self {
            method: Method::GET,
            url: printable(reference),
            kind: Kind::Url(error),
            tried: Vec::new(),
            refuses_log_in: false,
        }
    }

    fn new(method: &Method, url: &Url, kind: Kind) -> Self {
        Self {
            method: method.clone(),
            url: redacted(url),
            kind,
            tried: Vec::new(),
            refuses_log_in: false,
        }
    }

    /// Records that credentials were sent to log in, if the response rejects the credentials
    /// themselves rather than the operation.
    pub(crate) fn logging_in(mut self) -> Self {
        self.refuses_log_in = match &self.kind {
            Kind::Status { status, .. } | Kind::Authentication { status, .. } => {
                *status == StatusCode::UNAUTHORIZED
            }
            _ => false,
        };
        self
    }

    /// Adds the sources of credentials that were tried.
    pub(crate) fn after(mut self, tried: Vec<Tried>) -> Self {
        self.tried = tried;
        self
    }

    /// Returns the reason for the rejection, without the request.
    pub(crate) fn refusal(&self) -> String {
        struct Shown<'a>(&'a RegistryError);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write_kind(f)
            }
        }
        Shown(self).to_string()
    }

    /// Returns the sources of credentials that were tried. The error message names them if there
    /// were several.
    pub fn tried(&self) -> &[Tried] {
        &self.tried
    }

    /// Returns the status of the response, if one arrived.
    pub fn status_code(&self) -> Option<u16> {
        match &self.kind {
            Kind::Status { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Returns whether the other side gave an answer that a retry would not change. A rate limit
    /// counts as such an answer once the retries are used up.
    pub(crate) fn is_answered(&self) -> bool {
        self.status_code()
            .is_some_and(|status| status == 429 || !self.is_temporary())
    }

    /// Returns whether the registry does not support the operation at all, whatever the
    /// credentials.
    pub fn is_unsupported(&self) -> bool {
        let mut codes = self.details().iter().map(|detail| detail.code.as_str());
        matches!(self.status_code(), Some(405 | 501)) || codes.any(|code| code == "UNSUPPORTED")
    }

    /// Returns the errors in the response's body.
    pub fn details(&self) -> &[Detail] {
        match &self.kind {
            Kind::Status { details, .. } => details,
            _ => &[],
        }
    }

    /// Returns whether the registry says that something does not exist. Status 404 alone is not
    /// enough, because anything between the client and the registry may return it.
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

    /// Returns whether the registry reports that content listed by a manifest being pushed is
    /// missing. The content was pushed before the manifest, but some registries take a moment to
    /// see it, and some lose sight of a manifest while another client pushes the same one.
    pub(crate) fn misses_content(&self) -> bool {
        const MISSING: [&str; 3] = ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"];
        let mut codes = self.details().iter().map(|detail| detail.code.as_str());
        self.method == Method::PUT && codes.any(|code| MISSING.contains(&code))
    }

    /// Returns whether the request was meant to change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }

    /// Returns whether the registry refuses to move or delete a tag because it is immutable. Amazon
    /// ECR returns TAG_INVALID and, like other registries, gives the reason only in the message.
    pub fn is_immutable_tag(&self) -> bool {
        self.is_write()
            && self.details().iter().any(|detail| {
                let message = detail.message.to_lowercase();
                detail.code == "TAG_INVALID"
                    || message.contains("immutable")
                    || message.contains("immutability")
            })
    }

    /// Returns whether the credentials are missing, wrong or insufficient.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.kind, Kind::Authentication { .. })
            || matches!(self.status_code(), Some(401 | 403))
    }

    /// Returns whether the registry rejected the login itself (a user name and password, or any
    /// other secret), so that the credentials are useless anywhere in the registry.
    pub fn refuses_log_in(&self) -> bool {
        self.refuses_log_in
    }

    /// Returns whether access is denied. The request may succeed with other credentials.
    pub(crate) fn is_forbidden(&self) -> bool {
        let status = match &self.kind {
            Kind::Status { status, .. } | Kind::Authentication { status, .. } => *status,
            _ => return false,
        };
        status == StatusCode::FORBIDDEN
    }

    /// Returns whether the other side does not speak TLS, as is the case for a plain HTTP registry.
    pub fn is_plain_http(&self) -> bool {
        self.tls() == Some(TlsFailure::Plain)
    }

    /// Returns whether the other side's certificate is untrusted or invalid.
    pub fn is_untrusted(&self) -> bool {
        self.tls() == Some(TlsFailure::Certificate)
    }

    fn tls(&self) -> Option<TlsFailure> {
        match &self.kind {
            Kind::Transport { tls, .. } => *tls,
            _ => None,
        }
    }

    /// Returns whether no response arrived, or none within a reasonable time.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.kind, Kind::Transport { .. } | Kind::Slow { .. })
    }

    /// Returns whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        match &self.kind {
            Kind::Transport { temporary, .. } => *temporary,
            Kind::Status { status, .. } => {
                matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
            }
            Kind::Slow { .. } => true,
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
        self.write_kind(f)?;
        let several = self.tried.iter().filter(|_| self.tried.len() > 1);
        for (index, tried) in several.enumerate() {
            let before = if index == 0 {
                "; credentials tried: "
            } else {
                "; "
            };
            write!(f, "{before}{tried}")?;
        }
        Ok(())
    }
}

impl RegistryError {
    fn write_kind(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            Kind::Answer { reason } | Kind::Slow { reason } => f.write_str(reason),
            Kind::Url(error) => write!(f, "{error}"),
        }
    }
}

/// Returns a URL without secrets. Upload sessions and presigned downloads carry theirs in the
/// query, so only the query parameters of the protocol itself are printed.
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
    // Neither call fails for a URL with a host.
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

/// Returns at most one line of untrusted text, without control characters.
pub(crate) fn printable(text: &str) -> String {
    let line = text.chars().filter(|c| !c.is_control());
    let mut line: String = line.take(400).collect();
    line.truncate(line.trim_end().len());
    line
}

/// Recognizes TLS failures that different settings would avoid.
fn tls_failure(error: &reqwest::Error) -> Option<TlsFailure> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // An I/O error does not return the error that it wraps as its source.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(|io| io.get_ref());
        let wrapped = wrapped.map(|wrapped| wrapped as &(dyn std::error::Error + 'static));
        match wrapped.unwrap_or(error).downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                return Some(TlsFailure::Plain);
            }
            Some(rustls::Error::InvalidCertificate(_)) => return Some(TlsFailure::Certificate),
            _ => {}
        }
        cause = wrapped.or_else(|| error.source());
    }
    None
}

/// Returns the innermost cause: "connection refused" rather than "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // The outer messages contain the URL; those of other causes do not.
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
