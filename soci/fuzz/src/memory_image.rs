//! Images in memory.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use soci::oci::{Descriptor, media_type};
use soci::{BlobSource, ByteStream, Digest, Error, ImageSource, Manifest, Result};

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

/// An image in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryImage {
    pub root: Option<Manifest>,
    pub blobs: HashMap<Digest, Bytes>,
}

impl MemoryImage {
    /// Creates an image that is just a blob.
    pub(crate) fn of_blob(digest: Digest, bytes: Bytes) -> Self {
        Self {
            root: None,
            blobs: HashMap::from([(digest, bytes)]),
        }
    }

    fn get(&self, digest: Digest) -> Result<&Bytes> {
        self.blobs.get(&digest).ok_or_else(|| Error::Io {
            path: digest.to_string(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }
}

#[async_trait]
impl BlobSource for MemoryImage {
    async fn blob(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        let blob = self.get(descriptor.digest)?;
        let size = blob.len() as u64;
        if range.start > range.end || range.end > size {
            return Err(Error::SizeMismatch {
                what: descriptor.digest.to_string(),
                got: size,
                want: range.end,
            });
        }
        let part = blob.slice(range.start as usize..range.end as usize);
        Ok(stream::once(async { Ok(part) }).boxed())
    }
}

#[async_trait]
impl ImageSource for MemoryImage {
    async fn root(&self) -> Result<Manifest> {
        Ok(self.root.clone().expect("there is at least one document"))
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes> {
        let bytes = self.get(descriptor.digest)?.clone();
        if bytes.len() as u64 != descriptor.size {
            return Err(Error::SizeMismatch {
                what: descriptor.digest.to_string(),
                got: bytes.len() as u64,
                want: descriptor.size,
            });
        }
        Ok(bytes)
    }

    async fn referrers(&self, _: Digest) -> Result<Vec<Descriptor>> {
        // Any blob may claim to be an index of any manifest.
        let mut referrers = Vec::new();
        for bytes in self.blobs.values() {
            let mut descriptor = Descriptor::of(media_type::OCI_MANIFEST, bytes);
            descriptor.artifact_type = Some(media_type::SOCI_INDEX_V1.to_owned());
            referrers.push(descriptor);
        }
        Ok(referrers)
    }
}
