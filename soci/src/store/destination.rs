//! Destinations of built content.

use async_trait::async_trait;
use bytes::Bytes;

use super::source::ByteStream;
use crate::error::Result;
use crate::oci::{Descriptor, Digest, Manifest};

/// A repository that receives blobs and manifests. Every operation is idempotent.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Returns whether the repository has a blob.
    async fn has_blob(&self, digest: Digest) -> Result<bool>;

    /// Stores a blob, given in pieces, unless it already exists.
    async fn push_blob(&self, digest: Digest, pieces: Vec<Bytes>) -> Result<()>;

    /// Stores a blob as it streams past. It is discarded if it does not match its descriptor.
    async fn push_stream(&self, descriptor: &Descriptor, pieces: ByteStream) -> Result<()>;

    /// Stores a manifest under its digest.
    async fn push_manifest(&self, manifest: &Manifest) -> Result<()>;

    /// Stores an artifact with a subject, and lists it among the subject's referrers.
    async fn push_referrer(&self, manifest: &Manifest, subject: &Descriptor) -> Result<()>;

    /// Tags a manifest, storing it first if necessary.
    async fn tag(&self, manifest: &Manifest, tag: &str) -> Result<()>;
}
