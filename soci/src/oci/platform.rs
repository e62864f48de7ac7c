//! Platforms that images run on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::lenient::{not_empty, null};

/// An operating system and processor architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Processor architecture in Go's spelling, e.g. `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// Operating system in Go's spelling, e.g. `linux`.
    #[serde(default)]
    pub os: String,
    /// Version of the operating system (Windows).
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub os_version: Option<String>,
    /// Features the operating system must have (Windows).
    #[serde(
        default,
        rename = "os.features",
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null"
    )]
    pub os_features: Vec<String>,
    /// Variant of the processor, e.g. `v7`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub variant: Option<String>,
}

impl Platform {
    /// Returns the platform in containerd's canonical form: aliases of the architecture are
    /// resolved, and the variant is omitted if the architecture has only one and filled in if it
    /// has several.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        self.os = self.os.to_ascii_lowercase();
        if self.os == "macos" {
            "darwin".clone_into(&mut self.os);
        }
        let architecture = self.architecture.to_ascii_lowercase();
        let variant = self.variant.as_deref().unwrap_or("").to_ascii_lowercase();
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            same => same,
        };
        self.variant = (!variant.is_empty()).then(|| variant.to_owned());
        self.architecture = architecture.to_owned();
        self
    }

    /// Returns whether an image for `self` satisfies `wanted`. Variants are compared only if
    /// `wanted` has one.
    pub fn matches(&self, wanted: &Self) -> bool {
        let own = self.clone().normalized();
        let any_variant = wanted.variant.is_none();
        let wanted = wanted.clone().normalized();
        own.os == wanted.os
            && own.architecture == wanted.architecture
            && (any_variant || own.variant == wanted.variant)
    }

    /// Returns whether both the operating system and the architecture are given. Otherwise the
    /// image cannot be found by platform.
    pub fn is_complete(&self) -> bool {
        !self.os.is_empty() && !self.architecture.is_empty()
    }

    /// Returns whether this is `unknown/unknown`, the platform of attestations.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

/// A string that is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("platform {0:?}: want os/architecture or os/architecture/variant, such as linux/arm64")]
pub struct InvalidPlatform(String);

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        let invalid = || InvalidPlatform(text.chars().take(100).collect());
        let word = |part: &str| {
            let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            !part.is_empty() && part.bytes().all(sound)
        };
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => return Err(invalid()),
        };
        if !parts.into_iter().all(word) {
            return Err(invalid());
        }
        Ok(Self {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            os_version: None,
            os_features: Vec::new(),
            variant: variant.map(str::to_owned),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.os.is_empty() && self.architecture.is_empty() {
            return f.write_str("no platform");
        }
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms() {
        let normal = |text: &str| text.parse::<Platform>().map(|p| p.normalized().to_string());
        for (text, want) in [
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(normal(text).as_deref(), Ok(want), "{text}");
        }
        for bad in ["linux", "linux/", "/amd64", "a/b/c/d", "linux/am d64"] {
            assert!(normal(bad).is_err(), "{bad}");
        }
        let v6: Platform = "linux/arm/v6".parse().unwrap();
        assert!(v6.matches(&"linux/arm".parse().unwrap()));
        assert!(!v6.matches(&"linux/arm/v7".parse().unwrap()));
    }

    #[test]
    fn empty_texts_are_left_out() {
        let platform = r#"{"architecture":"amd64","os":"linux","os.version":"","variant":""}"#;
        let platform: Platform = serde_json::from_str(platform).unwrap();
        let written = serde_json::to_string(&platform).unwrap();
        assert_eq!(written, r#"{"architecture":"amd64","os":"linux"}"#);
    }
}
