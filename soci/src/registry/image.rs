//! An image in a registry.

use std::sync::Arc;

use super::client::Client;
use super::connection::Connection;
use super::credentials::CredentialChain;
use crate::oci::{Digest, ImageReference};

/// An image in a registry, and the repository that contains it.
///
/// Cheap to clone; clones share connections and tokens.
#[derive(Clone)]
pub struct RegistryImage {
    reference: ImageReference,
    pub(super) connection: Arc<Connection>,
}

impl Client {
    /// Names an image to be accessed with `credentials`, which may be a chain of sources.
    pub fn image(
        &self,
        reference: ImageReference,
        credentials: impl Into<CredentialChain>,
    ) -> RegistryImage {
        let connection = Connection::new(self, &reference, credentials.into());
        RegistryImage {
            reference,
            connection: Arc::new(connection),
        }
    }
}

impl RegistryImage {
    /// Returns the reference.
    pub fn reference(&self) -> &ImageReference {
        &self.reference
    }

    /// Names the image with a digest in the same repository.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self {
            reference: self.reference.with_digest(digest),
            connection: Arc::clone(&self.connection),
        }
    }
}
