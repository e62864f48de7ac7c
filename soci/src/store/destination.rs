//! Destinations of what is built.

use async_trait::async_trait;
use bytes::Bytes;

use super::source::ByteStream;
use crate::error::Result;
use crate::oci::{Descriptor, Digest, Manifest};

/// A repository that receives blobs and manifests. Every operation is idempotent.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Whether the repository has a blob.
    async fn has_blob(&self, digest: Digest) -> Result<bool>;

    /// Stores a blob, which comes in pieces, unless it is already there.
    async fn push_blob(&self, digest: Digest, pieces: Vec<Bytes>) -> Result<()>;

    /// Stores a blob as it streams past. It is not kept unless it is what its descriptor says.
    async fn push_stream(&self, descriptor: &Descriptor, pieces: ByteStream) -> Result<()>;

    /// Stores a manifest under its digest.
    async fn push_manifest(&self, manifest: &Manifest) -> Result<()>;

    /// Stores an artifact that has a subject, so that it is listed among the subject's referrers.
    async fn push_referrer(&self, manifest: &Manifest, subject: &Descriptor) -> Result<()>;

    /// Tags a manifest, and stores it if need be.
    async fn tag(&self, manifest: &Manifest, tag: &str) -> Result<()>;
}
