//! Images in registries as sources and destinations.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;

use super::image::RegistryImage;
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Digest, Manifest};
use crate::store::{BlobSource, ByteStream, Destination, ImageSource, verify};

/// Size up to which the pieces of a blob are joined, in bytes.
const MAX_WHOLE: u64 = 1 << 20;

#[async_trait]
impl BlobSource for RegistryImage {
    async fn blob(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        Ok(self.download(descriptor, range))
    }
}

#[async_trait]
impl ImageSource for RegistryImage {
    async fn root(&self) -> Result<Manifest> {
        match (self.reference().digest(), self.reference().tag()) {
            (Some(digest), _) => self.pull(&digest.to_string(), Some(digest)).await,
            (None, tag) => self.pull(tag.unwrap_or("latest"), None).await,
        }
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes> {
        let name = descriptor.digest.to_string();
        let manifest = self.pull(&name, Some(descriptor.digest)).await?;
        verify(&format!("manifest {name}"), &manifest.bytes, descriptor)?;
        Ok(manifest.bytes)
    }

    async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>> {
        self.list_referrers(subject).await
    }
}

#[async_trait]
impl Destination for RegistryImage {
    async fn has_blob(&self, digest: Digest) -> Result<bool> {
        self.stat_blob(digest).await
    }

    async fn push_blob(&self, digest: Digest, pieces: Vec<Bytes>) -> Result<()> {
        let size = pieces.iter().map(|piece| piece.len() as u64).sum();
        // A body that is not a stream can follow a redirect.
        let whole = (size <= MAX_WHOLE).then(|| Bytes::from(pieces.concat()));
        let body = || {
            if let Some(whole) = &whole {
                return Some(whole.clone().into());
            }
            let pieces = pieces.clone().into_iter().map(Ok::<_, Error>);
            Some(reqwest::Body::wrap_stream(stream::iter(pieces)))
        };
        self.upload(digest, size, body).await
    }

    async fn push_stream(&self, descriptor: &Descriptor, pieces: ByteStream) -> Result<()> {
        let mut body = Some(reqwest::Body::wrap_stream(pieces));
        // A stream can be sent only once, so a second attempt has nothing to send.
        let next = || body.take();
        self.upload(descriptor.digest, descriptor.size, next).await
    }

    async fn push_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.push_missing(manifest).await
    }

    async fn push_referrer(&self, manifest: &Manifest, subject: &Descriptor) -> Result<()> {
        let digest = manifest.descriptor.digest;
        let listed = self.list_referrers(subject.digest).await?;
        if listed.iter().any(|listed| listed.digest == digest)
            && self.describe(&digest.to_string()).await?.is_some()
        {
            return Ok(());
        }
        let stored = self.put_manifest(manifest, &digest.to_string()).await?;
        self.list_stored(&manifest.descriptor, subject.digest, &stored)
            .await
    }

    async fn tag(&self, manifest: &Manifest, tag: &str) -> Result<()> {
        self.put_tag_and_manifest(manifest, tag).await
    }
}
