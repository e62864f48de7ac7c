//! Reasons for skipping layers.

use serde::{Serialize, Serializer};

use super::error::CorruptLayer;
use crate::memory::Short;
use crate::tar::TarError;

/// Reason why an intact layer has no zTOC.
///
/// Serialized as its message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// The media type is not that of a layer that can be indexed.
    #[error("its media type {media_type:?} is neither plain nor gzip-compressed tar")]
    MediaType {
        /// The media type.
        media_type: String,
    },
    /// The first bytes belong to an unsupported compression.
    #[error("it is compressed with {name}")]
    Compression {
        /// Name of the compression.
        name: &'static str,
    },
    /// The media type and the first bytes indicate different compression formats.
    #[error("its media type says {named}, but it is {found}")]
    Mislabelled {
        /// Description of the compression that the media type names.
        named: &'static str,
        /// Description of the actual content.
        found: &'static str,
    },
    /// The layer is empty.
    #[error("it is empty")]
    Empty,
    /// The compressed stream is corrupt, truncated, or followed by other data.
    #[error("it cannot be decompressed: {0}")]
    Corrupt(#[from] CorruptLayer),
    /// The layer has several gzip members, and the options exclude such layers.
    #[error(
        "it has several gzip members, which soci-snapshotter before v0.14.0 reads wrong; \
         multi-member layers are indexed only on request"
    )]
    SeveralMembers,
    /// The layer is smaller than the requested minimum.
    #[error("its {size} bytes are fewer than the minimum layer size of {minimum}")]
    TooSmall {
        /// Size of the layer blob in bytes.
        size: u64,
        /// The minimum in bytes.
        minimum: u64,
    },
    /// The blob of a foreign layer is not in the repository.
    #[error("it is a foreign layer whose content is not available")]
    Foreign,
    /// The tar cannot be indexed.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// The layer was skipped before, and the reason is known only as text.
    #[error("{reason}")]
    Earlier {
        /// The reason.
        reason: String,
    },
    /// Indexing it takes more memory than is available.
    #[error("indexing it takes more memory than the limit of {limit} bytes")]
    TooMuchMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The zTOC would exceed the maximum size of zTOCs.
    #[error("its zTOC would be larger than the limit of {limit} bytes")]
    ZtocTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl From<Short> for SkipReason {
    fn from(Short { limit }: Short) -> Self {
        Self::TooMuchMemory { limit }
    }
}

impl Serialize for SkipReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
