//! Sources of blobs and images.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::error::Result;
use crate::oci::{Descriptor, Digest, Manifest};

/// The bytes of a blob as they arrive.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// A source of blobs.
#[async_trait]
pub trait BlobSource: Send + Sync {
    /// Opens a part of a blob. The bytes are not verified, but the stream yields exactly as many as
    /// the range has, or an error.
    async fn blob(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<ByteStream>;

    /// Returns whether a blob or manifest is known to be missing, in which case the image is
    /// indexed without it. Image layouts are often incomplete; a registry that lacks listed content
    /// is broken.
    async fn lacks(&self, descriptor: &Descriptor) -> bool {
        let _ = descriptor;
        false
    }
}

/// A source of one image: its manifests and their blobs.
#[async_trait]
pub trait ImageSource: BlobSource {
    /// Reads the manifest that the image's reference names: an image manifest or an image index.
    async fn root(&self) -> Result<Manifest>;

    /// Reads a manifest, verified against its descriptor.
    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes>;

    /// Lists the artifacts whose subject is a manifest.
    async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>>;
}
