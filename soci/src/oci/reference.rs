//! Image references.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use oci_client::{ParseError, Reference};

use super::digest::{Digest, InvalidDigest};

/// A reference to an image in a registry: `host[:port]/repository[:tag][@digest]`.
///
/// Docker's short names are expanded: `debian` becomes `docker.io/library/debian:latest`. If there
/// is both a tag and a digest, the digest takes precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    inner: Reference,
    digest: Option<Digest>,
}

/// A string that is not an image reference.
#[derive(Debug, thiserror::Error)]
#[error("image reference {reference:?}: {reason}")]
pub struct InvalidReference {
    /// The string, cut to at most 300 characters and without any credentials in a URL.
    pub reference: String,
    #[source]
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("leave out the scheme; want host/repository:tag")]
    Scheme,
    #[error("{character:?} at position {position}: {rule}")]
    Character {
        character: char,
        /// Counted from 1.
        position: usize,
        rule: &'static str,
    },
    #[error("want a repository in lower case")]
    UpperCase,
    #[error("it is empty; want host/repository:tag")]
    Empty,
    #[error("{0}; want host/repository:tag or host/repository@sha256:…")]
    Syntax(#[source] ParseError),
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
}

impl ImageReference {
    /// Returns the registry as written in the reference.
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

    /// Returns the registry and repository, without tag and digest.
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

    /// Returns whether the registry runs on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.registry();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let address = host.parse::<std::net::Ipv4Addr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// Returns the host that serves the registry's API; for Docker Hub it differs from the
    /// registry's name.
    pub(crate) fn api_host(&self) -> &str {
        self.inner.resolve_registry()
    }
}

impl FromStr for ImageReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        parse(text).map_err(|reason| InvalidReference {
            reference: without_credentials(text).chars().take(300).collect(),
            reason,
        })
    }
}

/// Removes the user and password from anything that looks like a URL, because errors quote it.
fn without_credentials(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.into();
    };
    let (name, digest) = rest.split_at(rest.find("@sha256:").unwrap_or(rest.len()));
    // Split at the last `@`, because passwords are not always escaped.
    let name = name.rsplit_once('@').map_or(name, |(_, name)| name);
    format!("{scheme}://{name}{digest}").into()
}

fn parse(text: &str) -> Result<ImageReference, Reason> {
    if text.contains("://") {
        return Err(Reason::Scheme);
    }
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    if let Some(refused) = outside_any_part(text) {
        return Err(refused);
    }
    let refuse = |reason| outside_its_part(text).unwrap_or(reason);
    let inner: Reference = text.parse().map_err(|e| refuse(Reason::Syntax(e)))?;
    // The parser does not check a prefix that looks like a host but is parsed as part of the
    // repository.
    if inner.whole().parse::<Reference>().as_ref() != Ok(&inner) {
        return Err(refuse(Reason::UpperCase));
    }
    let digest = inner.digest().map(str::parse).transpose()?;
    Ok(ImageReference { inner, digest })
}

/// Finds a character that is not allowed in any part of a reference.
fn outside_any_part(text: &str) -> Option<Reason> {
    let rule = |character: char| match character {
        c if c.is_whitespace() => Some("a reference has no blanks"),
        c if c.is_control() => Some("a reference has no control characters"),
        // The pattern behind `Reference` accepts Unicode digits and letters for `\w`.
        c if !c.is_ascii() => Some("a reference has ASCII characters only"),
        '[' | ']' => Some("IPv6 addresses have no place in a reference; want a host name"),
        _ => None,
    };
    first(text, 0, rule)
}

/// Finds a character that is not allowed in the part of the reference where it occurs.
fn outside_its_part(text: &str) -> Option<Reason> {
    let name = text.split('@').next().unwrap_or(text);
    // Docker's rule: a host contains a dot or a port, or is localhost.
    let host = name.split_once('/').map(|(host, _)| host);
    let host = host.filter(|host| host.contains(['.', ':']) || *host == "localhost");
    let after_host = host.map_or(0, |host| host.len() + 1);
    let path = &name[after_host..];
    let (repository, tag) = path.split_once(':').unwrap_or((path, ""));
    let in_host = |c: char| {
        let allowed = c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        (!allowed).then_some("a host has letters, digits, \".\", \"-\" and a port")
    };
    let in_repository = |c: char| match c {
        'A'..='Z' => Some("a repository is in lower case"),
        'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/' => None,
        _ => Some("a repository has lower-case letters, digits, \".\", \"_\", \"-\" and \"/\""),
    };
    let in_tag = |c: char| {
        let allowed = c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        (!allowed).then_some("a tag has letters, digits, \"_\", \".\" and \"-\"")
    };
    first(host.unwrap_or_default(), 0, in_host)
        .or_else(|| first(repository, after_host, in_repository))
        .or_else(|| first(tag, after_host + repository.len() + 1, in_tag))
}

/// Finds the first character that breaks a rule. `before` characters precede `part`.
fn first(part: &str, before: usize, rule: impl Fn(char) -> Option<&'static str>) -> Option<Reason> {
    let broken = part.chars().zip(before + 1..);
    let mut broken = broken.filter_map(|(character, position)| {
        Some(Reason::Character {
            character,
            position,
            rule: rule(character)?,
        })
    });
    broken.next()
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
    fn what_is_wrong_is_named() {
        for (bad, want) in [
            ("", "it is empty"),
            (
                "r.test/Shop/web:1",
                "'S' at position 8: a repository is in lower case",
            ),
            (
                "Shop/web",
                "'S' at position 1: a repository is in lower case",
            ),
            ("[::1]:5000/web:1", "'[' at position 1: IPv6"),
            (
                "r.test/web :1",
                "' ' at position 11: a reference has no blanks",
            ),
            (
                " r.test/web:1",
                "' ' at position 1: a reference has no blanks",
            ),
            (
                "r.test/web:1\n",
                "'\\n' at position 13: a reference has no blanks",
            ),
            (
                "r.test/wéb:1",
                "'é' at position 9: a reference has ASCII characters only",
            ),
            ("r.test/web:1+2", "'+' at position 13: a tag has letters"),
            (
                "r.test/web?x:1",
                "'?' at position 11: a repository has lower-case",
            ),
            ("r!x.test/web:1", "'!' at position 2: a host has letters"),
        ] {
            let error = bad.parse::<ImageReference>().expect_err(bad).to_string();
            let want = format!("image reference {bad:?}: {want}");
            assert!(error.starts_with(&want), "got {error}, want {want}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_not_quoted() {
        for (bad, want) in [
            ("https://u:p@r.test/a:1", "https://r.test/a:1"),
            (
                "https://u:p@w@r.test/a@sha256:00",
                "https://r.test/a@sha256:00",
            ),
            ("https://r.test/a@sha256:00", "https://r.test/a@sha256:00"),
        ] {
            let error = bad.parse::<ImageReference>().expect_err(bad);
            assert_eq!(error.reference, want);
            assert!(
                error.to_string().contains("leave out the scheme"),
                "{error}"
            );
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
