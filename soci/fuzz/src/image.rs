//! Whole images, whose manifests refer to each other.

use soci::oci::media_type;
use soci::{Digest, Manifest, MemoryBudget, Options, Version, index, inspect, verify_indexes};

use super::limits::MAX_MEMORY;
use super::memory::MemoryStore;
use super::memory_image::{MemoryImage, block_on};

/// Maximum number of documents in an image; the rest is ignored.
const MAX_DOCUMENTS: usize = 10;
/// Size of a block of a tar in bytes.
const BLOCK: usize = 512;

/// Converts an image, and checks that converting the result again gives the same.
///
/// The image is documents with a NUL between them, of which the last is the root. In each, `#0`
/// stands for the digest of the first document, `%0` for its size, and so on: no fuzzer would find a
/// digest. `@2` stands for two blocks of NULs, the end of a tar.
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
        let document = digit.and_then(|digit| known.get(digit));
        match (byte, document, digit) {
            (b'#', Some((digest, _)), _) => bytes.extend_from_slice(digest.to_string().as_bytes()),
            (b'%', Some((_, size)), _) => bytes.extend_from_slice(size.to_string().as_bytes()),
            (b'@', _, Some(blocks @ 0..=9)) => bytes.resize(bytes.len() + blocks * BLOCK, 0),
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
        let _ = verify_indexes(image, &inspection, &MemoryBudget::new(MAX_MEMORY)).await;
    }
    let _ = convert(image, Version::V1).await;
    let Some((root, store)) = convert(image, Version::V2).await else {
        return false;
    };
    let mut converted = image.clone();
    converted.blobs.extend(store.blobs());
    for (digest, manifest) in store.manifests() {
        if digest == root {
            converted.root = Some(manifest.clone());
        }
        converted.blobs.insert(digest, manifest.bytes);
    }
    let again = convert(&converted, Version::V2).await;
    assert_eq!(again.map(|(root, _)| root), Some(root), "converted twice");
    true
}

async fn convert(image: &MemoryImage, version: Version) -> Option<(Digest, MemoryStore)> {
    let mut options = Options::default()
        .with_version(version)
        .with_min_layer_size(0)
        .with_optimize_xattrs(true)
        .with_multi_member_layers(true)
        .with_oci_layer_types(true);
    options.ztoc.memory = MemoryBudget::new(MAX_MEMORY);
    let store = MemoryStore::default();
    let indexed = index(image, &store, &options, &(), &()).await.ok()?;
    indexed
        .publish(&store, Some("tag"))
        .await
        .expect("memory takes all");
    Some((indexed.report().digest?, store))
}
