//! Verified reading.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::source::BlobSource;
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Digest, ImageManifest, Platform, json};

/// Maximum size of a manifest or configuration in bytes. Registries accept at most 4 MiB.
pub(crate) const MAX_MANIFEST: u64 = 8 << 20;

/// Reads and verifies a whole blob of up to `limit` bytes.
pub(crate) async fn read_blob(
    source: &(impl BlobSource + ?Sized),
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
    // The size is only a claim, but within the limit; memory that is never written costs nothing.
    let mut bytes = BytesMut::with_capacity(descriptor.size as usize);
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    let bytes = bytes.freeze();
    verify(&what(), &bytes, descriptor)?;
    Ok(bytes)
}

/// Reads the platform from an image's configuration.
pub(crate) async fn config_platform(
    source: &(impl BlobSource + ?Sized),
    manifest: &ImageManifest,
) -> Result<Platform> {
    let bytes = read_blob(source, &manifest.config, MAX_MANIFEST).await?;
    let what = format!("config {}", manifest.config.digest);
    let platform: Platform = json::from_slice(what, &bytes)?;
    Ok(platform.normalized())
}

/// Verifies bytes against their descriptor.
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
