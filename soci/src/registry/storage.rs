//! Images in registries as sources and destinations.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use super::image::RegistryImage;
use crate::error::Result;
use crate::oci::{Descriptor, Digest, Manifest};
use crate::store::{BlobSource, ByteStream, Destination, ImageSource, verify};

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

    async fn push_blob(&self, digest: Digest, bytes: Bytes) -> Result<()> {
        self.upload(digest, bytes.len() as u64, || bytes.clone().into())
            .await
    }

    async fn push_stream(&self, descriptor: &Descriptor, pieces: ByteStream) -> Result<()> {
        let mut body = Some(reqwest::Body::wrap_stream(pieces));
        // A stream can be sent only once: a second attempt would have nothing to send.
        let next = || body.take().unwrap_or_default();
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
