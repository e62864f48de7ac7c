//! Where images come from and where indexes go.

use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::oci::Descriptor;
use crate::{Digest, Error, Result, json};

/// Manifests, indexes and configurations larger than this many bytes are refused.
///
/// Registries take at most 4 MiB.
pub(crate) const MAX_DOCUMENT: u64 = 8 << 20;

/// Bytes of a blob as they arrive.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// A manifest or index: its bytes and what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Media type, digest and size; perhaps more, if it comes out of an index.
    pub descriptor: Descriptor,
    /// The bytes, verified against the descriptor.
    pub bytes: Bytes,
}

impl Document {
    /// A new document.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            descriptor: Descriptor::of(media_type, &bytes),
            bytes: bytes.into(),
        }
    }

    pub(crate) fn of<T: serde::Serialize>(media_type: &str, value: &T) -> Result<Self> {
        let bytes = json::to_vec(value).map_err(|error| Error::document(media_type, error))?;
        Ok(Self::new(media_type, bytes))
    }

    pub(crate) fn parse<'de, T: serde::Deserialize<'de>>(&'de self) -> Result<T> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| Error::document(self.descriptor.digest, error))
    }
}

/// One image, to be read.
#[async_trait]
pub trait Source: Send + Sync {
    /// What the image's reference names: a manifest or an index.
    async fn root(&self) -> Result<Document>;

    /// The bytes of a manifest or index, verified against the descriptor.
    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes>;

    /// A part of a blob. The bytes are not verified; there are exactly as many as the range
    /// holds, or an error.
    async fn blob(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<ByteStream>;

    /// The artifacts whose subject is the manifest of this digest.
    async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>>;
}

/// The repository that takes what is built. Everything is idempotent.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Whether a blob is there.
    async fn has_blob(&self, digest: Digest) -> Result<bool>;

    /// Stores a blob, unless it is there.
    async fn push_blob(&self, digest: Digest, bytes: Bytes) -> Result<()>;

    /// Stores a blob as it streams by. One that is not what its descriptor says is not kept.
    async fn push_stream(&self, descriptor: &Descriptor, pieces: ByteStream) -> Result<()>;

    /// Stores a manifest or index under its digest.
    async fn push_manifest(&self, document: &Document) -> Result<()>;

    /// Stores an artifact that has a subject, so that it is found among its referrers.
    async fn push_referrer(&self, document: &Document, subject: &Descriptor) -> Result<()>;

    /// Gives a stored document a name.
    async fn tag(&self, document: &Document, tag: &str) -> Result<()>;
}

/// A small blob as a whole, verified.
pub(crate) async fn read_blob(
    source: &(impl Source + ?Sized),
    descriptor: &Descriptor,
    limit: u64,
) -> Result<Bytes> {
    let what = || format!("blob {}", descriptor.digest);
    if descriptor.size > limit {
        return Err(Error::TooLarge {
            what: what(),
            limit,
        });
    }
    let mut stream = source.blob(descriptor, 0..descriptor.size).await?;
    // Nothing is reserved for a size that is only claimed.
    let mut bytes = BytesMut::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    let bytes = bytes.freeze();
    verify(&what(), &bytes, descriptor)?;
    Ok(bytes)
}

/// Compares bytes with what their descriptor says.
pub(crate) fn verify(what: &str, bytes: &[u8], descriptor: &Descriptor) -> Result<()> {
    if bytes.len() as u64 != descriptor.size {
        return Err(Error::SizeMismatch {
            what: what.to_owned(),
            got: bytes.len() as u64,
            want: descriptor.size,
        });
    }
    let got = Digest::of(bytes);
    if got != descriptor.digest {
        return Err(Error::DigestMismatch {
            what: what.to_owned(),
            got,
            want: descriptor.digest,
        });
    }
    Ok(())
}
