//! Layers without a zTOC.

use serde::{Serialize, Serializer};

use crate::tar::TarError;

/// Reason why an intact layer has no zTOC.
///
/// Serialized as the text that it prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// The media type is not one of a layer that can be indexed.
    #[error("its media type {media_type:?} is neither plain nor gzip-compressed tar")]
    MediaType {
        /// The media type.
        media_type: String,
    },
    /// The first bytes are those of a compression that is not supported.
    #[error("it is compressed with {name}")]
    Compression {
        /// Name of the compression.
        name: &'static str,
    },
    /// The layer is smaller than asked for.
    #[error("its {size} bytes are fewer than the minimum layer size of {minimum}")]
    TooSmall {
        /// Size of the layer blob in bytes.
        size: u64,
        /// The minimum in bytes.
        minimum: u64,
    },
    /// The blob of a foreign layer is not in the repository.
    #[error("it is a foreign layer that is not here")]
    Foreign,
    /// The tar cannot be indexed.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// The zTOC would be too large.
    #[error("its zTOC would be larger than the limit of {limit} bytes")]
    ZtocTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl Serialize for SkipReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
