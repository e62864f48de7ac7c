//! The documents of an OCI image, and the names in them.
//!
//! The structs keep the field order in which the reference implementation writes them
//! (OCI image-spec 1.1); unknown fields are dropped, as there.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// Annotations of a document or a descriptor, sorted by key.
pub type Annotations = BTreeMap<String, String>;

/// Media types of the OCI image format, of Docker's, and of SOCI.
pub mod media_type {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI image configuration.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Artifact type of a SOCI index of version 1.
    pub const SOCI_INDEX_V1: &str = "application/vnd.amazon.soci.index.v1+json";
    /// Artifact type of a SOCI index of version 2.
    pub const SOCI_INDEX_V2: &str = "application/vnd.amazon.soci.index.v2+json";
    /// A zTOC in a SOCI index.
    pub const ZTOC: &str = "application/octet-stream";

    /// A list of spans to prefetch in a SOCI index.
    pub const PREFETCH: &str = "application/vnd.amazon.soci.prefetch.v1+json";

    /// All that a manifest request may be answered with.
    pub const MANIFESTS: [&str; 4] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];
}

/// Annotation keys that SOCI consumers read.
pub mod annotation {
    /// On an image manifest: the digest of its SOCI index (V2).
    pub const INDEX_DIGEST: &str = "com.amazon.soci.index-digest";
    /// On a SOCI index's descriptor: the digest of its image manifest (V2).
    pub const IMAGE_MANIFEST_DIGEST: &str = "com.amazon.soci.image-manifest-digest";
    /// On a zTOC's descriptor: the layer it belongs to.
    pub const LAYER_DIGEST: &str = "com.amazon.soci.image-layer-digest";
    /// On a zTOC's descriptor: the layer's media type.
    pub const LAYER_MEDIA_TYPE: &str = "com.amazon.soci.image-layer-mediaType";
    /// On a zTOC's descriptor: the span size it was built with, in bytes.
    pub const SPAN_SIZE: &str = "com.amazon.soci.span-size";
    /// On a zTOC's descriptor: the layer can be mounted without extended attributes.
    pub const DISABLE_XATTRS: &str = "com.amazon.soci.disable-xattrs";
    /// On a SOCI index: what built it.
    pub const BUILD_TOOL: &str = "com.amazon.soci.build-tool-identifier";
    /// On an attestation's descriptor: the manifest it speaks of.
    pub const ATTESTATION_SUBJECT: &str = "vnd.docker.reference.digest";
    /// On an attestation's descriptor: that it is one.
    pub const ATTESTATION_TYPE: &str = "vnd.docker.reference.type";
}

/// What a document says of a blob or of another document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the content; empty in sloppy documents.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// Where else the content may be had (foreign layers).
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null"
    )]
    pub urls: Vec<String>,
    /// Annotations.
    #[serde(
        default,
        skip_serializing_if = "Annotations::is_empty",
        deserialize_with = "null"
    )]
    pub annotations: Annotations,
    /// The content itself, base64.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub data: Option<String>,
    /// What the content runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Type of the artifact, when the content is one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// A descriptor of `bytes`, with nothing optional in it.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            urls: Vec::new(),
            annotations: Annotations::new(),
            data: None,
            platform: None,
            artifact_type: None,
        }
    }
}

/// An operating system and a processor.
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
    /// The same platform in its usual spelling, as containerd has it: aliases of the
    /// architecture resolved, a variant left out where it is the only one and named where
    /// there are several.
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

    /// Whether an image for `self` is one that `wanted` asks for. A variant is only compared
    /// if it is asked for.
    pub fn matches(&self, wanted: &Self) -> bool {
        let own = self.clone().normalized();
        let any_variant = wanted.variant.is_none();
        let wanted = wanted.clone().normalized();
        own.os == wanted.os
            && own.architecture == wanted.architecture
            && (any_variant || own.variant == wanted.variant)
    }

    /// Whether this is the `unknown/unknown` of attestations.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

/// A text that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("platform {0:?}: want os/architecture or os/architecture/variant, such as linux/arm64")]
pub struct InvalidPlatform(String);

impl std::str::FromStr for Platform {
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
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// An image manifest, or an artifact in the form of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Media type of this document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Type of the artifact, when it is one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, base first.
    #[serde(default, deserialize_with = "null")]
    pub layers: Vec<Descriptor>,
    /// The manifest this one refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Annotations.
    #[serde(
        default,
        skip_serializing_if = "Annotations::is_empty",
        deserialize_with = "null"
    )]
    pub annotations: Annotations,
}

/// An image index (OCI) or manifest list (Docker).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    /// Always 2.
    pub schema_version: u32,
    /// Media type of this document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Type of the artifact, when it is one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub artifact_type: Option<String>,
    /// The manifests.
    #[serde(deserialize_with = "null")]
    pub manifests: Vec<Descriptor>,
    /// The manifest this one refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Annotations.
    #[serde(
        default,
        skip_serializing_if = "Annotations::is_empty",
        deserialize_with = "null"
    )]
    pub annotations: Annotations,
}

impl ImageIndex {
    /// An index of `manifests`, with nothing optional in it.
    pub fn of(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type::OCI_INDEX.to_owned()),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: Annotations::new(),
        }
    }
}

/// Reads `null` as the empty value: Go writes it for lists that were never set.
fn null<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads the empty text as nothing: Go leaves both out when it writes.
fn not_empty<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
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
