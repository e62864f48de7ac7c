//! The reference to deploy for an image, with which container hosts find its index.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::inspect::{Inspection, inspect};
use crate::oci::Digest;
use crate::registry::RegistryImage;
use crate::store::{Destination, ImageSource};
use crate::version::Version;

/// Initial and maximum time between polls of a registry.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];

/// An index in a repository, along with all its blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompleteIndex {
    /// Platform of the image manifest, such as `linux/arm64`.
    pub platform: String,
    /// The image manifest; for V2, the one that carries the index.
    pub manifest: Digest,
    /// Digest of the index.
    pub digest: Digest,
    /// Size of the index's manifest in bytes.
    pub size: u64,
    /// Number of layers with a zTOC.
    pub indexed_layers: usize,
    /// Number of layers.
    pub layers: usize,
}

/// An image, and the reference to deploy for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deployment {
    /// The image.
    pub source: Digest,
    /// The SOCI-enabled image (V2), which may be the image itself.
    pub enabled: Option<Digest>,
    /// The complete indexes, at most one per platform.
    pub indexes: Vec<CompleteIndex>,
    /// Whether the tag of the SOCI-enabled image names the image itself, so there is nothing to
    /// index.
    pub is_alias: bool,
}

impl Deployment {
    /// Returns the digest to deploy: the SOCI-enabled image's if there is one, otherwise the
    /// image's.
    pub fn digest(&self) -> Digest {
        self.enabled.unwrap_or(self.source)
    }

    /// Returns whether there is nothing to wait for: the image has an index, or needs none.
    pub fn is_ready(&self) -> bool {
        !self.indexes.is_empty() || self.is_alias
    }
}

/// Finds the complete indexes of an image in one version. An index that lacks a blob counts as
/// missing.
///
/// # Errors
/// If the registry refuses the request or cannot be reached.
pub async fn complete_indexes(
    image: &RegistryImage,
    version: Version,
    found: &Inspection,
) -> Result<Vec<CompleteIndex>> {
    let mut complete = Vec::new();
    for platform in &found.platforms {
        for index in &platform.indexes {
            if index.version != version {
                continue;
            }
            let ztocs = index.ztocs.iter().map(|ztoc| &ztoc.descriptor);
            let mut is_complete = !index.ztocs.is_empty();
            for blob in ztocs.chain(&index.prefetch) {
                is_complete = is_complete && image.has_blob(blob.digest).await?;
            }
            if is_complete {
                complete.push(CompleteIndex {
                    platform: platform.platform.clone(),
                    manifest: platform.manifest,
                    digest: index.digest,
                    size: index.size,
                    indexed_layers: index.ztocs.len(),
                    layers: platform.layers.len(),
                });
            }
        }
    }
    Ok(complete)
}

/// Keeps one index per platform: the first, which is the one that container hosts use.
pub fn one_per_platform(mut indexes: Vec<CompleteIndex>) -> Vec<CompleteIndex> {
    indexes.dedup_by(|later, first| {
        (later.manifest, &later.platform) == (first.manifest, &first.platform)
    });
    indexes
}

/// Finds the reference to deploy for the image `source` of a repository. A SOCI-enabled image (V2)
/// is either the image itself or the one under `tag`; one built from other layers does not count.
///
/// # Errors
/// If the image does not exist, or the registry refuses or cannot be reached.
pub async fn find_deployment(
    image: &RegistryImage,
    source: Digest,
    version: Version,
    tag: Option<&str>,
) -> Result<Deployment> {
    let own = inspect(&image.at(source)).await?;
    let indexes = one_per_platform(complete_indexes(image, version, &own).await?);
    let mut found = Deployment {
        source,
        enabled: None,
        indexes,
        is_alias: false,
    };
    if version == Version::V1 {
        return Ok(found);
    }
    if !found.indexes.is_empty() {
        found.enabled = Some(source);
        return Ok(found);
    }
    let Some(tag) = tag else {
        return Ok(found);
    };
    let Some(now) = image.resolve(tag).await? else {
        return Ok(found);
    };
    if now.digest == source {
        found.is_alias = true;
        return Ok(found);
    }
    let enabled = match inspect(&image.at(now.digest)).await {
        Ok(enabled) => enabled,
        // Part of it is missing, or it is something else.
        Err(error) if error.is_not_found() => return Ok(found),
        Err(Error::NotAnImage { .. }) => return Ok(found),
        Err(error) => return Err(error),
    };
    if own.has_layers_of(&enabled) {
        found.indexes = one_per_platform(complete_indexes(image, version, &enabled).await?);
        found.enabled = (!found.indexes.is_empty()).then_some(now.digest);
    }
    Ok(found)
}

/// Waits until an image is ready to deploy, but no longer than `limit`, and returns the reference
/// to deploy. An image given by tag is followed: the result is for whatever the tag names at the
/// end.
///
/// # Errors
/// If the image does not exist, or the registry refuses the request or cannot be reached; or if the
/// image is given by tag and digest and the tag that its index would follow has moved.
pub async fn wait_for_deployment(
    image: &RegistryImage,
    version: Version,
    tag: Option<&str>,
    limit: Duration,
) -> Result<Deployment> {
    // The limit may exceed the range of the clock.
    let end = Instant::now().checked_add(limit);
    let [mut pause, longest] = PAUSE;
    let reference = image.reference();
    loop {
        let source = match reference.digest() {
            Some(digest) => digest,
            // Unlike resolving the tag, this fails with the registry's own message.
            None => image.root().await?.descriptor.digest,
        };
        let found = find_deployment(image, source, version, tag).await?;
        let left = end.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
        if found.is_ready() || left.is_zero() {
            return Ok(found);
        }
        if let (Version::V2, Some(source_tag), Some(_)) =
            (version, reference.tag(), reference.digest())
            && let Some(now) = image.resolve(source_tag).await?
            && now.digest != source
        {
            return Err(Error::TagMoved {
                tag: source_tag.to_owned(),
                got: now.digest,
                want: source,
            });
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(longest);
    }
}
