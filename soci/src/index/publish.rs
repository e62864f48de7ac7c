//! Publication of indexes.
//!
//! Manifests are stored in an order that is consistent for readers at every moment: SOCI indexes,
//! then (V2) the rewritten manifests, then the image index, with its tag if it gets one. The zTOCs
//! are stored before all of these. If the work stops in between, it leaves blobs that nothing
//! refers to, but no manifest that refers to missing content.

use bytes::Bytes;
use serde::Deserialize;

use super::convert::Converted;
use super::report::Report;
use crate::error::{Error, Result};
use crate::image::{MAX_MANIFESTS, MAX_TOTAL};
use crate::oci::{Descriptor, Digest, EMPTY_JSON, Manifest};
use crate::store::{BlobSource, Destination, ImageSource};

/// Maximum nesting depth of indexes that are copied.
const MAX_DEPTH: usize = 4;

/// The indexes of an image, built but not yet published: the zTOCs are stored, but nothing refers
/// to them yet.
#[derive(Debug)]
pub struct Indexed {
    pub(super) report: Report,
    pub(super) indexes: Vec<SociIndex>,
    /// The SOCI-enabled image (V2).
    pub(super) converted: Option<Converted>,
    /// Blobs of the image itself.
    pub(super) content: Vec<Descriptor>,
    /// Manifests of the image that are kept unchanged.
    pub(super) kept: Vec<Descriptor>,
}

/// A SOCI index, and the image manifest that it belongs to.
#[derive(Debug)]
pub(super) struct SociIndex {
    pub index: Manifest,
    pub subject: Descriptor,
}

/// Descriptors listed by a manifest of any type.
#[derive(Deserialize)]
struct Listed {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

impl Indexed {
    /// Returns the report of what was built.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Returns the manifests that [`publish`](Self::publish) stores; the SOCI-enabled image (V2)
    /// comes last.
    pub fn manifests(&self) -> Vec<Digest> {
        let indexes = self.indexes.iter().map(|soci| &soci.index);
        let converted = self.converted.iter();
        let converted = converted.flat_map(|c| c.manifests.iter().chain([&c.root]));
        let manifests = indexes.chain(converted);
        manifests
            .map(|manifest| manifest.descriptor.digest)
            .collect()
    }

    /// Copies the image content that the destination lacks, for a destination other than the
    /// image's own repository.
    ///
    /// # Errors
    /// If the image cannot be read or the destination refuses the request.
    pub async fn copy_content(
        &self,
        source: &(impl ImageSource + ?Sized),
        destination: &(impl Destination + ?Sized),
    ) -> Result<()> {
        copy_blobs(source, destination, &self.content).await?;
        let (mut kept, mut size) = (Vec::new(), 0_u64);
        let mut found: Vec<(Descriptor, usize)> =
            self.kept.iter().map(|kept| (kept.clone(), 0)).collect();
        while let Some((descriptor, depth)) = found.pop() {
            size = descriptor.size.saturating_add(size);
            if size > MAX_TOTAL {
                return Err(Error::TooLarge {
                    what: format!("{}: the manifests that are copied", descriptor.digest),
                    limit: MAX_TOTAL,
                });
            }
            let bytes = source.manifest(&descriptor).await?;
            let manifest = Manifest { descriptor, bytes };
            let listed: Listed = manifest.parse()?;
            if depth == MAX_DEPTH || kept.len() == MAX_MANIFESTS {
                let reason = "too many manifests, or image indexes nested too deep";
                return Err(Error::manifest(manifest.descriptor.digest, reason));
            }
            let blobs: Vec<_> = listed.config.into_iter().chain(listed.layers).collect();
            copy_blobs(source, destination, &blobs).await?;
            let manifests = listed.manifests.into_iter();
            found.extend(manifests.map(|descriptor| (descriptor, depth + 1)));
            kept.push(manifest);
        }
        // Manifests are stored before the index that lists them.
        for manifest in kept.iter().rev() {
            destination.push_manifest(manifest).await?;
        }
        Ok(())
    }

    /// Stores the manifests, and tags the SOCI-enabled image (V2) with `tag` if given.
    ///
    /// If there are no zTOCs, there is nothing to publish, and nothing is stored.
    ///
    /// # Errors
    /// If the destination refuses the request.
    pub async fn publish(
        &self,
        destination: &(impl Destination + ?Sized),
        tag: Option<&str>,
    ) -> Result<()> {
        if self.indexes.is_empty() {
            return Ok(());
        }
        let config = Bytes::from_static(EMPTY_JSON);
        let digest = Digest::of(EMPTY_JSON);
        destination.push_blob(digest, vec![config]).await?;
        let Some(converted) = &self.converted else {
            for soci in &self.indexes {
                destination
                    .push_referrer(&soci.index, &soci.subject)
                    .await?;
            }
            return Ok(());
        };
        for soci in &self.indexes {
            destination.push_manifest(&soci.index).await?;
        }
        for manifest in &converted.manifests {
            destination.push_manifest(manifest).await?;
        }
        // Done in one step, so an interruption never leaves an image index without its tag.
        match tag {
            Some(tag) => destination.tag(&converted.root, tag).await,
            None => destination.push_manifest(&converted.root).await,
        }
    }
}

async fn copy_blobs(
    source: &(impl BlobSource + ?Sized),
    destination: &(impl Destination + ?Sized),
    blobs: &[Descriptor],
) -> Result<()> {
    for blob in blobs {
        // A foreign layer is stored at its URLs.
        if blob.urls.is_empty() && !destination.has_blob(blob.digest).await? {
            let pieces = source.blob(blob, 0..blob.size).await?;
            destination.push_stream(blob, pieces).await?;
        }
    }
    Ok(())
}
