//! Errors of operations on images.

mod credentials;
mod registry;

use std::io;
use std::path::PathBuf;

use crate::oci::{Digest, InvalidDigest, InvalidJson, InvalidReference, Platform};
use crate::ztoc::{ExtractError, InvalidZtoc};

pub use credentials::{CredentialsError, Tried};
pub(crate) use registry::printable;
pub use registry::{Detail, RegistryError, SetupError};

/// The result of an operation on images.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why an image could not be indexed, published or read.
///
/// The error's message includes its cause, which [`source`](std::error::Error::source) also
/// returns.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A string is not an image reference.
    #[error(transparent)]
    Reference(#[from] InvalidReference),
    /// A string is not a digest.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    /// The client cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A registry refused a request or could not be reached.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The credentials for a registry are not available.
    #[error("credentials for {registry}: {source}")]
    Credentials {
        /// The registry.
        registry: String,
        /// The reason.
        source: CredentialsError,
    },
    /// Content does not match the digest in its descriptor.
    #[error("{what}: digest mismatch: got {got}, want {want}")]
    DigestMismatch {
        /// The content.
        what: String,
        /// Digest of the received content.
        got: Digest,
        /// Digest in the descriptor.
        want: Digest,
    },
    /// Content is longer or shorter than its descriptor says.
    #[error("{what}: size mismatch: got {got} bytes, want {want}")]
    SizeMismatch {
        /// The content.
        what: String,
        /// Number of bytes received.
        got: u64,
        /// Size in the descriptor.
        want: u64,
    },
    /// Content is larger than the limit for its kind.
    #[error("{what}: larger than the {limit} bytes allowed")]
    TooLarge {
        /// The content.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A manifest, configuration or list is not valid JSON of the expected form.
    #[error(transparent)]
    Json(#[from] InvalidJson),
    /// A manifest contradicts itself or exceeds a limit.
    #[error("{what}: {reason}")]
    Manifest {
        /// The manifest, by digest.
        what: String,
        /// The contradiction.
        reason: &'static str,
    },
    /// A list from a registry does not end, or changes too often to be updated.
    #[error("{what}: {reason}")]
    List {
        /// The list.
        what: String,
        /// The problem.
        reason: &'static str,
    },
    /// The image does not have a requested platform.
    #[error("{image}: no image for {wanted}; it has {}", list(found))]
    NoSuchPlatform {
        /// The image.
        image: Digest,
        /// The requested platform.
        wanted: Box<Platform>,
        /// The platforms that the image has.
        found: Vec<Platform>,
    },
    /// The configuration of an image names no platform, so the image could not be pulled from an
    /// image index.
    #[error(
        "{what}: its configuration names no platform, so it could not be pulled by platform \
         as a SOCI-enabled image"
    )]
    NoPlatform {
        /// Digest of the manifest, or of the index that has no other images.
        what: Digest,
    },
    /// A tag has moved to another image, so the index of the earlier one will not be under it.
    #[error("tag {tag}: now points to {got}; want {want}")]
    TagMoved {
        /// The tag.
        tag: String,
        /// The image that it names.
        got: Digest,
        /// The image that it was expected to name.
        want: Digest,
    },
    /// The reference leads to something other than a container image.
    #[error("{what}: not a container image, but {found}")]
    NotAnImage {
        /// Digest of the manifest.
        what: Digest,
        /// Description of what was found.
        found: String,
    },
    /// An image layout has no image with the given name.
    #[error("{}: no image {name} in the layout", path.display())]
    NotInLayout {
        /// Path of the layout's index.
        path: PathBuf,
        /// The name; empty if any image would do.
        name: String,
    },
    /// An image layout has several images with one name, or several without a name.
    #[error(
        "{}: several images {}; want one, or those of different platforms",
        path.display(),
        name.as_ref().map_or_else(|| "without a name".to_owned(), |name| format!("named {name}"))
    )]
    AmbiguousLayout {
        /// Path of the layout's index.
        path: PathBuf,
        /// The name that they share.
        name: Option<String>,
    },
    /// An archive has several images, and no name was given.
    #[error("{}: several images; want the name of one: {}", path.display(), names.join(", "))]
    SeveralImages {
        /// Path of the archive.
        path: PathBuf,
        /// The names.
        names: Vec<String>,
    },
    /// A file is not an image layout.
    #[error("{}: {reason}", path.display())]
    NotALayout {
        /// Path of the file.
        path: PathBuf,
        /// Description of what it is instead.
        reason: &'static str,
    },
    /// A zTOC is invalid.
    #[error("zTOC {digest}: {source}")]
    Ztoc {
        /// The zTOC.
        digest: Digest,
        /// The reason.
        source: InvalidZtoc,
    },
    /// A layer cannot be read through its zTOC.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The local file system refused an operation.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The reason.
        source: io::Error,
    },
}

fn list(platforms: &[Platform]) -> String {
    let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    platforms.join(", ")
}

impl Error {
    pub(crate) fn manifest(what: impl ToString, reason: &'static str) -> Self {
        Self::Manifest {
            what: what.to_string(),
            reason,
        }
    }

    /// Returns the registry's error, if there is one.
    pub fn registry(&self) -> Option<&RegistryError> {
        match self {
            Self::Registry(error) => Some(error),
            _ => None,
        }
    }

    /// Returns whether a registry refuses to move or delete a tag because it is immutable.
    pub fn is_immutable_tag(&self) -> bool {
        self.registry().is_some_and(RegistryError::is_immutable_tag)
    }

    /// Returns whether something does not exist, according to the registry or the file system.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_not_found(),
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}
