//! What can go wrong.

use crate::registry::RegistryError;
use crate::{Digest, InvalidDigest};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an image could not be indexed, published or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no image reference.
    #[error("image reference {reference:?}: {reason}")]
    Reference {
        /// The text.
        reference: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A registry refused, or could not be reached.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The credentials for a registry cannot be had.
    #[error("credentials for {registry}: {reason}")]
    Credentials {
        /// The registry.
        registry: String,
        /// What is wrong.
        reason: String,
    },
    /// Content is not what its descriptor says.
    #[error("{what}: digest mismatch: got {got}, want {want}")]
    DigestMismatch {
        /// The content.
        what: String,
        /// The digest of what came.
        got: Digest,
        /// The digest in the descriptor.
        want: Digest,
    },
    /// Content is longer or shorter than its descriptor says.
    #[error("{what}: size mismatch: got {got} bytes, want {want}")]
    SizeMismatch {
        /// The content.
        what: String,
        /// How many bytes came.
        got: u64,
        /// The size in the descriptor.
        want: u64,
    },
    /// Content is too large to be what it claims to be.
    #[error("{what}: larger than the {limit} bytes allowed")]
    TooLarge {
        /// The content.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A layer's gzip stream is corrupt.
    #[error("layer {layer}: {source}")]
    CorruptLayer {
        /// The layer.
        layer: Digest,
        /// Where.
        source: crate::ztoc::CorruptLayer,
    },
    /// A manifest, index or configuration cannot be understood.
    #[error("{what}: {reason}")]
    Document {
        /// The document.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A platform was asked for that the image does not have.
    #[error("{image}: no image for {wanted}; it has {found}")]
    NoSuchPlatform {
        /// The image.
        image: Digest,
        /// The platform.
        wanted: String,
        /// Those that it has.
        found: String,
    },
    /// The reference names something that is no container image.
    #[error("{what}: not a container image, but {found}")]
    NotAnImage {
        /// The document.
        what: String,
        /// What it is.
        found: String,
    },
    /// A zTOC cannot be understood.
    #[error("zTOC {digest}: {source}")]
    Ztoc {
        /// The zTOC.
        digest: Digest,
        /// What is wrong with it.
        source: crate::ztoc::InvalidZtoc,
    },
    /// A file cannot be read out of a layer.
    #[error("{path}: {reason}")]
    Extract {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The local file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn document(what: impl ToString, reason: impl ToString) -> Self {
        Self::Document {
            what: what.to_string(),
            reason: reason.to_string(),
        }
    }

    /// The registry's answer, when it was a registry that refused.
    pub fn registry(&self) -> Option<&RegistryError> {
        match self {
            Self::Registry(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the thing asked for does not exist, in the registry's own words or the file
    /// system's.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_not_found(),
            Self::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

impl From<InvalidDigest> for Error {
    fn from(error: InvalidDigest) -> Self {
        Self::document("digest", error)
    }
}
