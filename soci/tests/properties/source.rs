//! An image in memory, whose blobs come in pieces of any size.

use std::collections::HashMap;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use soci::oci::Descriptor;
use soci::{BlobSource, ByteStream, Digest, Error, ImageSource, Manifest, Result};

use crate::memory::MemoryStore;

/// An image that is read out of memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryImage {
    pub root: Option<Manifest>,
    pub blobs: HashMap<Digest, Bytes>,
    /// The sizes of the pieces in which blobs come, over and over.
    pub pieces: Vec<usize>,
}

impl MemoryImage {
    /// Keeps a blob.
    pub(crate) fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &bytes);
        self.blobs.insert(descriptor.digest, bytes.into());
        descriptor
    }

    /// This image's content and that of a store together, with another root.
    pub(crate) fn with(&self, store: &MemoryStore, root: Digest) -> Self {
        let mut both = self.clone();
        both.blobs.extend(store.blobs());
        for (digest, manifest) in store.manifests() {
            if digest == root {
                both.root = Some(manifest.clone());
            }
            both.blobs.insert(digest, manifest.bytes);
        }
        both
    }

    fn get(&self, digest: Digest) -> Result<Bytes> {
        let blob = self.blobs.get(&digest).cloned();
        blob.ok_or_else(|| Error::Io {
            path: digest.to_string(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }
}

/// Cuts bytes into pieces of these sizes, over and over; without sizes, into one.
pub(crate) fn cut(mut bytes: Bytes, sizes: &[usize]) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut sizes = sizes.iter().cycle();
    while !bytes.is_empty() {
        let size = sizes.next().map_or(bytes.len(), |&size| size.max(1));
        pieces.push(bytes.split_to(size.min(bytes.len())));
    }
    pieces
}

#[async_trait]
impl BlobSource for MemoryImage {
    async fn blob(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        let blob = self.get(descriptor.digest)?;
        let part = blob.slice(range.start as usize..range.end as usize);
        let pieces = cut(part, &self.pieces);
        Ok(stream::iter(pieces.into_iter().map(Ok)).boxed())
    }
}

#[async_trait]
impl ImageSource for MemoryImage {
    async fn root(&self) -> Result<Manifest> {
        Ok(self.root.clone().expect("the test names a root"))
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes> {
        self.get(descriptor.digest)
    }

    async fn referrers(&self, _: Digest) -> Result<Vec<Descriptor>> {
        Ok(Vec::new())
    }
}
