//! A destination in memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use soci::oci::Descriptor;
use soci::{BlobSource, ByteStream, Destination, Digest, Error, Manifest, Result};

/// A destination that keeps everything in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    blobs: Mutex<BTreeMap<Digest, Bytes>>,
    manifests: Mutex<BTreeMap<Digest, Manifest>>,
    tags: Mutex<BTreeMap<String, Digest>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    /// Returns the blobs, by digest.
    #[allow(dead_code, reason = "not every test looks at all of it")]
    pub(crate) fn blobs(&self) -> BTreeMap<Digest, Bytes> {
        lock(&self.blobs).clone()
    }

    /// Loses every blob that is not to be kept.
    #[allow(dead_code, reason = "not every test loses any")]
    pub(crate) fn retain_blobs(&self, mut kept: impl FnMut(&Digest) -> bool) {
        lock(&self.blobs).retain(|digest, _| kept(digest));
    }

    /// Returns the manifests, by digest.
    pub(crate) fn manifests(&self) -> BTreeMap<Digest, Manifest> {
        lock(&self.manifests).clone()
    }

    /// Returns the tags.
    #[allow(dead_code, reason = "not every test looks at all of it")]
    pub(crate) fn tags(&self) -> BTreeMap<String, Digest> {
        lock(&self.tags).clone()
    }
}

#[async_trait]
impl BlobSource for MemoryStore {
    async fn blob(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        let blob = lock(&self.blobs).get(&descriptor.digest).cloned();
        let blob = blob.ok_or_else(|| Error::Io {
            path: descriptor.digest.to_string(),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        let piece = blob.slice(range.start as usize..range.end as usize);
        Ok(futures_util::stream::iter([Ok(piece)]).boxed())
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
        let (got, want) = (Digest::of(&bytes), descriptor.digest);
        if got != want {
            return Err(Error::DigestMismatch {
                what: format!("blob {want}"),
                got,
                want,
            });
        }
        self.push_blob(want, vec![bytes.freeze()]).await
    }

    async fn push_blob(&self, digest: Digest, pieces: Vec<Bytes>) -> Result<()> {
        lock(&self.blobs).insert(digest, pieces.concat().into());
        Ok(())
    }

    async fn push_manifest(&self, manifest: &Manifest) -> Result<()> {
        lock(&self.manifests).insert(manifest.descriptor.digest, manifest.clone());
        Ok(())
    }

    async fn push_referrer(&self, manifest: &Manifest, _: &Descriptor) -> Result<()> {
        self.push_manifest(manifest).await
    }

    async fn tag(&self, manifest: &Manifest, tag: &str) -> Result<()> {
        self.push_manifest(manifest).await?;
        lock(&self.tags).insert(tag.to_owned(), manifest.descriptor.digest);
        Ok(())
    }
}
