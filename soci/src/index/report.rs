//! Reports of indexing results.

use serde::Serialize;

use crate::image::LeftOut;
use crate::oci::Digest;
use crate::version::Version;
use crate::ztoc::SkipReason;

/// The result of indexing an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Version of the indexes; serialized as `V1` or `V2`.
    pub version: Version,
    /// The image.
    pub source: SourceReport,
    /// Digest of the SOCI-enabled image (V2); `None` if no layer got a zTOC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// One report per indexed platform.
    pub indexes: Vec<IndexReport>,
    /// Layers that were already known and therefore not read.
    pub reused: Reused,
    /// Manifests of the image that are not indexed, whatever the options.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Requested platforms that the image lacks, such as `linux/arm64`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_platforms: Vec<String>,
}

impl Report {
    /// Returns whether no layer was indexed.
    pub fn is_empty(&self) -> bool {
        self.indexes.iter().all(|index| index.digest.is_none())
    }
}

/// Layers that were not read because their results were already known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reused {
    /// Number of layers.
    pub layers: usize,
    /// Their total size in compressed bytes.
    pub bytes: u64,
}

/// The image that was indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SourceReport {
    /// Digest of its manifest or index.
    pub digest: Digest,
    /// Media type of its manifest or index.
    pub media_type: String,
}

/// The index of one platform's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IndexReport {
    /// Platform, such as `linux/arm64`.
    pub platform: String,
    /// Digest of the image manifest; for V2, of the rewritten one.
    pub manifest: Digest,
    /// Digest of the SOCI index; `None` if no layer got a zTOC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Size of the SOCI index in bytes.
    pub size: u64,
    /// The zTOCs, in the order of the layers.
    pub ztocs: Vec<ZtocReport>,
    /// The layers without a zTOC.
    pub skipped: Vec<SkippedReport>,
    /// Files to prefetch that are in no indexed layer or are empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_prefetched: Vec<String>,
}

/// The zTOC of one layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ZtocReport {
    /// Digest of the layer.
    pub layer: Digest,
    /// Digest of the zTOC.
    pub digest: Digest,
    /// Size of the zTOC in bytes.
    pub size: u64,
    /// Number of files in the layer.
    pub files: usize,
    /// Number of spans in the layer.
    pub spans: usize,
    /// Whether it was already known, so that the layer was not read.
    pub reused: bool,
}

/// A layer without a zTOC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SkippedReport {
    /// Digest of the layer.
    pub layer: Digest,
    /// The reason; serialized as its message.
    pub reason: SkipReason,
}
