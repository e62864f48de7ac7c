//! Manifests of an image that are not indexed.

use serde::{Serialize, Serializer};

use crate::oci::{Descriptor, Digest};

/// A manifest of an image index that is not indexed although the options do not exclude it.
/// Attestations are not included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The manifest.
    pub manifest: Digest,
    /// Platform that the image index states for it, such as `linux/arm64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The reason; serialized as its text.
    pub reason: LeftOutReason,
}

/// Reason why a manifest is not indexed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeftOutReason {
    /// The image layout does not contain it.
    #[error("it is not in the layout")]
    Missing,
    /// The image layout lacks one of its blobs.
    #[error("its blob {blob} is not in the layout")]
    MissingBlob {
        /// The blob.
        blob: Digest,
    },
    /// No platform is given, so it could not be pulled by platform.
    #[error("its configuration names no platform")]
    NoPlatform,
    /// It is not an image.
    #[error("it is not a container image, but {found}")]
    NotAnImage {
        /// Description of what it is.
        found: String,
    },
    /// It is nested too deeply in image indexes.
    #[error("it is nested in too many indexes")]
    TooDeep,
}

impl Serialize for LeftOutReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl LeftOut {
    pub(crate) fn new(listed: &Descriptor, reason: LeftOutReason) -> Self {
        Self {
            manifest: listed.digest,
            platform: listed.platform.as_ref().map(ToString::to_string),
            reason,
        }
    }
}
