//! Complete indexes of an image in the registry.

use soci::{Destination, Digest, Inspection, RegistryImage, Version};

use super::exported::IndexEntry;

/// Returns the complete indexes of an image. One that lacks a blob counts as missing.
///
/// # Errors
/// When the registry refuses or cannot be reached.
pub(super) async fn complete_indexes(
    image: &RegistryImage,
    version: Version,
    found: &Inspection,
) -> soci::Result<Vec<IndexEntry>> {
    let mut entries = Vec::new();
    for platform in &found.platforms {
        for index in &platform.indexes {
            if index.version != version {
                continue;
            }
            let ztocs = index.ztocs.iter().map(|ztoc| &ztoc.descriptor);
            let mut complete = !index.ztocs.is_empty();
            for blob in ztocs.chain(&index.prefetch) {
                complete = complete && image.has_blob(blob.digest).await?;
            }
            if complete {
                entries.push(IndexEntry {
                    platform: platform.platform.clone(),
                    manifest_digest: platform.manifest.to_string(),
                    digest: index.digest.to_string(),
                    size: index.size,
                    ztoc_count: index.ztocs.len(),
                    skipped_layers: platform.layers.len().saturating_sub(index.ztocs.len()),
                });
            }
        }
    }
    Ok(entries)
}

/// Keeps one index per platform: the first, which is the one that container hosts use.
pub(super) fn one_per_platform(mut entries: Vec<IndexEntry>) -> Vec<IndexEntry> {
    entries.dedup_by(|later, first| {
        (&later.manifest_digest, &later.platform) == (&first.manifest_digest, &first.platform)
    });
    entries
}

/// Whether two images have the same layers on the same platforms.
pub(super) fn same_layers(one: &Inspection, other: &Inspection) -> bool {
    let layers = |image: &Inspection| -> Vec<(String, Vec<Digest>)> {
        let platforms = image.platforms.iter().map(|platform| {
            let layers = platform.layers.iter().map(|layer| layer.digest);
            (platform.platform.clone(), layers.collect())
        });
        platforms.collect()
    };
    layers(one) == layers(other)
}
