//! Descriptors: references to content by digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::lenient::{not_empty, null};
use super::platform::Platform;
use super::{annotation, media_type};

/// Annotations of a manifest or a descriptor, sorted by key.
pub type Annotations = BTreeMap<String, String>;

/// Media type, digest and size of a blob or manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the content; empty where the manifest does not give one.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// Other locations that serve the content (foreign layers).
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
    /// The content itself, in base64.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub data: Option<String>,
    /// Platform that the content is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Type of the artifact, if the content is one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// Describes `bytes`, leaving every optional field empty.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// Describes content by its digest and size in bytes, leaving every optional field empty.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            urls: Vec::new(),
            annotations: Annotations::new(),
            data: None,
            platform: None,
            artifact_type: None,
        }
    }

    /// Returns whether this lists a SOCI index alongside its image manifest (V2). Some tools drop
    /// the artifact type when copying but keep the annotation.
    pub fn is_soci_index(&self) -> bool {
        self.artifact_type.as_deref() == Some(media_type::SOCI_INDEX_V2)
            || self
                .annotations
                .contains_key(annotation::IMAGE_MANIFEST_DIGEST)
    }
}
