//! MemoryImage in memory, some of which refer to others.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use soci::oci::{Descriptor, media_type};
use soci::{
    BlobSource, ByteStream, Digest, Error, ImageSource, Manifest, Options, Result, Version, index,
    inspect, verify_indexes,
};

use super::memory::MemoryStore;

/// More documents than this are not told apart.
const MAX_DOCUMENTS: usize = 10;

/// An image: documents with a NUL between them, the last one the root. In each, `#0` stands for
/// the digest of the first document, `%0` for its size, and so on: no fuzzer would find a digest.
///
/// Converting what was converted must give the same.
pub fn image(data: &[u8]) -> bool {
    let mut image = MemoryImage::default();
    let mut known = Vec::new();
    for text in data.split(|&b| b == 0).take(MAX_DOCUMENTS) {
        let bytes = substitute(text, &known);
        let document = Manifest::new(media_type::OCI_INDEX, bytes);
        let digest = document.descriptor.digest;
        known.push((digest, document.bytes.len()));
        image.blobs.insert(digest, document.bytes.clone());
        image.root = Some(document);
    }
    block_on(convert_twice(&image))
}

fn substitute(text: &[u8], known: &[(Digest, usize)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        let digit = rest
            .peek()
            .map(|digit| usize::from(digit.wrapping_sub(b'0')));
        match (byte, digit.and_then(|digit| known.get(digit))) {
            (b'#', Some((digest, _))) => bytes.extend_from_slice(digest.to_string().as_bytes()),
            (b'%', Some((_, size))) => bytes.extend_from_slice(size.to_string().as_bytes()),
            _ => {
                bytes.push(byte);
                continue;
            }
        }
        rest.next();
    }
    bytes
}

async fn convert_twice(image: &MemoryImage) -> bool {
    if let Ok(inspection) = inspect(image).await {
        let _ = inspection.tree(image).await;
        let _ = verify_indexes(image, &inspection).await;
    }
    let _ = convert(image, Version::V1).await;
    let Some((root, store)) = convert(image, Version::V2).await else {
        return false;
    };
    let mut converted = image.clone();
    converted.blobs.extend(store.blobs());
    for (digest, document) in store.manifests() {
        if digest == root {
            converted.root = Some(document.clone());
        }
        converted.blobs.insert(digest, document.bytes);
    }
    let again = convert(&converted, Version::V2).await;
    assert_eq!(again.map(|(root, _)| root), Some(root), "converted twice");
    true
}

async fn convert(image: &MemoryImage, version: Version) -> Option<(Digest, MemoryStore)> {
    let mut options = Options::default()
        .with_version(version)
        .with_min_layer_size(0)
        .with_optimize_xattrs(true);
    options.ztoc.limits.max_ztoc_size = super::MAX_ZTOC;
    let store = MemoryStore::default();
    let indexed = index(image, &store, &options, &()).await.ok()?;
    indexed
        .publish(&store, Some("tag"))
        .await
        .expect("memory takes all");
    Some((indexed.report().digest?, store))
}

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

/// An image in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryImage {
    root: Option<Manifest>,
    blobs: HashMap<Digest, Bytes>,
}

impl MemoryImage {
    /// A blob alone.
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
        // Anything may claim to be an index of anything.
        let mut referrers = Vec::new();
        for bytes in self.blobs.values() {
            let mut descriptor = Descriptor::of(media_type::OCI_MANIFEST, bytes);
            descriptor.artifact_type = Some(media_type::SOCI_INDEX_V1.to_owned());
            referrers.push(descriptor);
        }
        Ok(referrers)
    }
}
