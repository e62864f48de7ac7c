//! Image references.

use std::fmt;
use std::str::FromStr;

use oci_client::{ParseError, Reference};

use super::digest::{Digest, InvalidDigest};

/// A reference to an image in a registry: `host[:port]/repository[:tag][@digest]`.
///
/// Docker's short names are expanded (`debian` is `docker.io/library/debian:latest`). If there are
/// both a tag and a digest, the digest decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    inner: Reference,
    digest: Option<Digest>,
}

/// A string that is not an image reference.
#[derive(Debug, thiserror::Error)]
#[error("image reference {reference:?}: {reason}")]
pub struct InvalidReference {
    /// The string, of which at most 300 characters are kept.
    pub reference: String,
    #[source]
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("leave out the scheme; want host/repository:tag")]
    Scheme,
    #[error("want ASCII characters only")]
    NotAscii,
    #[error("want a repository in lower case")]
    UpperCase,
    #[error("{0}; want host/repository:tag or host/repository@sha256:…")]
    Syntax(#[source] ParseError),
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
}

impl ImageReference {
    /// Returns the registry, as the reference names it.
    pub fn registry(&self) -> &str {
        self.inner.registry()
    }

    /// Returns the repository in the registry.
    pub fn repository(&self) -> &str {
        self.inner.repository()
    }

    /// Returns the tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.inner.tag()
    }

    /// Returns the digest, if there is one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Returns registry and repository, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry(), self.repository())
    }

    /// Returns a reference to another tag of the same repository.
    ///
    /// # Errors
    /// If `tag` is not a valid tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, InvalidReference> {
        format!("{}:{tag}", self.name()).parse()
    }

    /// Returns a reference to a digest in the same repository.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self {
            inner: self.inner.clone_with_digest(digest.to_string()),
            digest: Some(digest),
        }
    }

    /// Whether the registry runs on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.registry();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let address = host.parse::<std::net::Ipv4Addr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// Returns the host that serves the registry's API, which for Docker Hub is not its name.
    pub(crate) fn api_host(&self) -> &str {
        self.inner.resolve_registry()
    }
}

impl FromStr for ImageReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        parse(text).map_err(|reason| InvalidReference {
            reference: text.chars().take(300).collect(),
            reason,
        })
    }
}

fn parse(text: &str) -> Result<ImageReference, Reason> {
    if text.contains("://") {
        return Err(Reason::Scheme);
    }
    // The pattern behind `Reference` accepts Unicode digits and letters for `\w`.
    if !text.is_ascii() {
        return Err(Reason::NotAscii);
    }
    let inner: Reference = text.parse().map_err(Reason::Syntax)?;
    // A prefix that looks like a host, but is parsed as part of the repository, is not checked
    // there.
    if inner.whole().parse::<Reference>().as_ref() != Ok(&inner) {
        return Err(Reason::UpperCase);
    }
    let digest = inner.digest().map(str::parse).transpose()?;
    Ok(ImageReference { inner, digest })
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, want) in [
            ("debian", "docker.io/library/debian:latest"),
            ("127.0.0.1:5000/a/b:1.0", "127.0.0.1:5000/a/b:1.0"),
            ("localhost/a", "localhost/a:latest"),
        ] {
            let reference: ImageReference = text.parse().expect(text);
            assert_eq!(reference.to_string(), want);
        }
        let pinned: ImageReference = format!("r.test/a:t@{digest}").parse().expect("valid");
        assert_eq!(pinned.digest().map(|d| d.to_string()), Some(digest));
        for bad in [
            "",
            "https://r.test/a",
            "r.test/A:t",
            "a:ü",
            "a:b:c",
            "r.test/a@sha256:00",
            "a b",
            "htprsQ/a",
        ] {
            assert!(bad.parse::<ImageReference>().is_err(), "{bad}");
        }
    }

    #[test]
    fn loopback() {
        for (text, want) in [
            ("localhost:5000/a", true),
            ("127.1.2.3:80/a", true),
            ("localhost.evil.test/a", false),
            ("127.0.0.1.evil.test/a", false),
            ("10.0.0.1:5000/a", false),
        ] {
            let reference: ImageReference = text.parse().expect(text);
            assert_eq!(reference.is_loopback(), want, "{text}");
        }
    }
}
