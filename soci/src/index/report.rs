//! What was built.

use serde::Serialize;

use crate::Digest;

/// What was built for an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `V1` or `V2`.
    pub version: &'static str,
    /// The image.
    pub source: SourceReport,
    /// V2: the digest of the SOCI-enabled image. Nothing if no layer got a zTOC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// One per platform that has layers to index.
    pub indexes: Vec<IndexReport>,
}

impl Report {
    /// Whether anything was indexed at all.
    pub fn is_empty(&self) -> bool {
        self.indexes.iter().all(|index| index.digest.is_none())
    }
}

/// The image that was indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// Digest of its manifest or index.
    pub digest: Digest,
    /// Media type of its manifest or index.
    pub media_type: String,
}

/// The index of one platform's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexReport {
    /// The platform, e.g. `linux/arm64`.
    pub platform: String,
    /// Digest of the image manifest; for V2, of the rewritten one.
    pub manifest: Digest,
    /// Digest of the SOCI index; nothing if no layer got a zTOC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Size of the SOCI index in bytes.
    pub size: u64,
    /// The zTOCs, in the order of the layers.
    pub ztocs: Vec<ZtocReport>,
    /// The layers without one.
    pub skipped: Vec<SkippedReport>,
    /// Files to prefetch that are in no indexed layer, or empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_prefetched: Vec<String>,
}

/// One layer's zTOC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ZtocReport {
    /// Digest of the layer.
    pub layer: Digest,
    /// Digest of the zTOC.
    pub digest: Digest,
    /// Size of the zTOC in bytes.
    pub size: u64,
    /// How many files the layer has.
    pub files: usize,
    /// How many spans the layer was cut into.
    pub spans: usize,
}

/// A layer without a zTOC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedReport {
    /// Digest of the layer.
    pub layer: Digest,
    /// Why.
    pub reason: String,
}
