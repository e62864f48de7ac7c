//! Images in a registry that breaks off, refuses, redirects and asks who is there.
//!
//! The registry is a [fake](fake::FakeRegistry) in this process, asked through the public API
//! only. Waiting before a retry is real, so few tests wait more than once.

mod authorization;
mod expiry;
mod fake;
mod field;
mod log_ins;
mod reading;
mod referrers;
mod removing;
mod writing;

use std::ops::Range;

use futures_util::TryStreamExt;
use soci::oci::{Descriptor, media_type};
use soci::{BlobSource, Error, Manifest, RegistryError, RegistryImage, Result};

/// Bytes of which no two pieces look the same.
fn content(size: u32) -> Vec<u8> {
    let byte = |i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8;
    (0..size).map(byte).collect()
}

/// A manifest that nobody looks into.
fn manifest(name: &str) -> Manifest {
    let manifest = serde_json::json!({"schemaVersion": 2, "annotations": {"name": name}});
    Manifest::new(media_type::OCI_MANIFEST, manifest.to_string().into_bytes())
}

/// A part of the blob that has this content, as it comes.
async fn download(image: &RegistryImage, content: &[u8], range: Range<u64>) -> Result<Vec<u8>> {
    let descriptor = Descriptor::of("", content);
    let mut pieces = image.blob(&descriptor, range).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Reason of a registry, or of the way there, to refuse a request.
fn refusal<T>(result: Result<T>) -> RegistryError {
    match result {
        Err(Error::Registry(error)) => {
            let texts = format!("{error} {error:?}");
            assert!(!texts.contains("SECRET"), "{texts}");
            error
        }
        Err(error) => panic!("not the registry's refusal: {error}"),
        Ok(_) => panic!("no refusal"),
    }
}
