//! Manifests: the JSON documents of an image.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::descriptor::{Annotations, Descriptor};
use super::json::{self, InvalidJson};
use super::lenient::{not_empty, null};
use super::{annotation, media_type};

/// Configuration of artifacts, which have no real one.
#[cfg(feature = "images")]
pub(crate) const EMPTY_JSON: &[u8] = b"{}";

/// A manifest as stored: its bytes and the descriptor that identifies them.
///
/// The bytes are an [`ImageManifest`], an [`ImageIndex`], or an artifact in the form of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Media type, digest and size, along with annotations and other fields if an index lists it.
    pub descriptor: Descriptor,
    /// The bytes, verified against the descriptor.
    pub bytes: Bytes,
}

impl Manifest {
    /// Describes the bytes of a manifest.
    pub fn new(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            descriptor: Descriptor::of(media_type, &bytes),
            bytes,
        }
    }

    /// Serializes `value` in this crate's canonical form: compact, with keys in declaration order
    /// and escaped as Go does.
    ///
    /// # Errors
    /// If `value` cannot be represented as JSON.
    pub fn of<T: Serialize>(media_type: &str, value: &T) -> Result<Self, InvalidJson> {
        Ok(Self::new(media_type, json::to_vec(media_type, value)?))
    }

    /// Parses the bytes.
    ///
    /// # Errors
    /// If they are not valid JSON for `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, InvalidJson> {
        json::from_slice(self.descriptor.digest, &self.bytes)
    }

    /// Returns whether this is the SOCI index of a SOCI-enabled image.
    pub fn is_soci_index(&self) -> bool {
        let manifest = self.parse::<ImageManifest>();
        manifest.is_ok_and(|manifest| {
            let kind = manifest.artifact_type.as_deref();
            kind.unwrap_or(&manifest.config.media_type) == media_type::SOCI_INDEX_V2
        })
    }

    /// Returns whether this is a SOCI-enabled image, or an image manifest of one.
    pub fn is_soci_enabled(&self) -> bool {
        if let Ok(index) = self.parse::<ImageIndex>() {
            return index.manifests.iter().any(Descriptor::is_soci_index);
        }
        let manifest = self.parse::<ImageManifest>();
        manifest.is_ok_and(|manifest| manifest.annotations.contains_key(annotation::INDEX_DIGEST))
    }
}

/// The manifest of one platform's image, or of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    /// Always 2.
    pub schema_version: u32,
    /// Media type of this manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Type of the artifact, if it is one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub artifact_type: Option<String>,
    /// Configuration of the image.
    pub config: Descriptor,
    /// Layers, base first.
    #[serde(default, deserialize_with = "null")]
    pub layers: Vec<Descriptor>,
    /// Manifest that this one refers to.
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
    /// Media type of this manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Type of the artifact, if it is one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "not_empty"
    )]
    pub artifact_type: Option<String>,
    /// The manifests that it lists.
    #[serde(deserialize_with = "null")]
    pub manifests: Vec<Descriptor>,
    /// Manifest that this one refers to.
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
    /// Lists `manifests`, leaving every optional field empty.
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
