//! A store in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::oci::Descriptor;
use crate::store::{ByteStream, Destination, Document, verify};
use crate::{Digest, Result};

/// Takes what is built, in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    blobs: Mutex<BTreeMap<Digest, Bytes>>,
    manifests: Mutex<BTreeMap<Digest, Document>>,
    tags: Mutex<BTreeMap<String, Digest>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The blobs, by digest.
    pub fn blobs(&self) -> BTreeMap<Digest, Bytes> {
        lock(&self.blobs).clone()
    }

    /// The manifests and indexes, by digest.
    pub fn manifests(&self) -> BTreeMap<Digest, Document> {
        lock(&self.manifests).clone()
    }

    /// The tags.
    pub fn tags(&self) -> BTreeMap<String, Digest> {
        lock(&self.tags).clone()
    }
}

#[async_trait]
impl Destination for MemoryStore {
    async fn has_blob(&self, digest: Digest) -> Result<bool> {
        Ok(lock(&self.blobs).contains_key(&digest))
    }

    async fn push_stream(&self, descriptor: &Descriptor, mut pieces: ByteStream) -> Result<()> {
        let mut bytes = BytesMut::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        verify(&format!("blob {}", descriptor.digest), &bytes, descriptor)?;
        self.push_blob(descriptor.digest, bytes.freeze()).await
    }

    async fn push_blob(&self, digest: Digest, bytes: Bytes) -> Result<()> {
        lock(&self.blobs).insert(digest, bytes);
        Ok(())
    }

    async fn push_manifest(&self, document: &Document) -> Result<()> {
        lock(&self.manifests).insert(document.descriptor.digest, document.clone());
        Ok(())
    }

    async fn push_referrer(&self, document: &Document, _: &Descriptor) -> Result<()> {
        self.push_manifest(document).await
    }

    async fn tag(&self, document: &Document, tag: &str) -> Result<()> {
        lock(&self.tags).insert(tag.to_owned(), document.descriptor.digest);
        Ok(())
    }
}
