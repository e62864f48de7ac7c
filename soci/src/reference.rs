//! Image references.

use std::fmt;
use std::str::FromStr;

use oci_client::Reference;

use crate::{Digest, Error};

/// A reference to an image in a registry: `host[:port]/repository[:tag][@digest]`.
///
/// Docker's short names are understood (`debian` is `docker.io/library/debian:latest`). With
/// a tag and a digest, the digest decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    inner: Reference,
    digest: Option<Digest>,
}

impl ImageReference {
    /// The registry, as the reference names it.
    pub fn registry(&self) -> &str {
        self.inner.registry()
    }

    /// The repository in the registry.
    pub fn repository(&self) -> &str {
        self.inner.repository()
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.inner.tag()
    }

    /// The digest, if there is one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The same repository, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry(), self.repository())
    }

    /// The same repository with another tag.
    ///
    /// # Errors
    /// When `tag` is no tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, Error> {
        format!("{}:{tag}", self.name()).parse()
    }

    /// The same repository at a digest.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self {
            inner: self.inner.clone_with_digest(digest.to_string()),
            digest: Some(digest),
        }
    }

    /// Whether the registry is this machine's own.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.registry();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let address = host.parse::<std::net::Ipv4Addr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    pub(crate) fn as_oci(&self) -> &Reference {
        &self.inner
    }
}

impl FromStr for ImageReference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::Reference {
            reference: text.chars().take(300).collect(),
            reason,
        };
        if text.contains("://") {
            let reason = "leave out the scheme; want host/repository:tag";
            return Err(invalid(reason.to_owned()));
        }
        // The pattern behind `Reference` takes Unicode digits and letters for `\w`.
        if !text.is_ascii() {
            return Err(invalid("want ASCII characters only".to_owned()));
        }
        let inner: Reference = text.parse().map_err(|error: oci_client::ParseError| {
            invalid(format!(
                "{error}; want host/repository:tag or host/repository@sha256:…"
            ))
        })?;
        // What looks like a host, but is read as the start of a repository, is not checked
        // there.
        if inner.whole().parse::<Reference>().as_ref() != Ok(&inner) {
            return Err(invalid("want a repository in lower case".to_owned()));
        }
        let digest = inner
            .digest()
            .map(str::parse)
            .transpose()
            .map_err(|error: crate::InvalidDigest| invalid(error.to_string()))?;
        Ok(Self { inner, digest })
    }
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
