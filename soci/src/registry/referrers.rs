//! Listing the artifacts that refer to a manifest.
//!
//! Registries with the referrers API maintain that list themselves. For others the clients maintain
//! an image index under the tag `sha256-<hex>` (OCI distribution 1.1, "referrers tag schema").

use super::image::RegistryImage;
use crate::error::RegistryError;
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Digest, ImageIndex, Manifest, media_type};

/// Attempts at adding an artifact to a list that other clients change too.
const MAX_ATTEMPTS: usize = 5;

/// The artifacts that refer to a manifest.
pub(super) struct Referrers {
    pub listed: Vec<Descriptor>,
    /// Whether the registry itself maintains the list.
    pub by_registry: bool,
}

/// A list that clients maintain.
struct TaggedIndex {
    digest: Digest,
    index: ImageIndex,
}

impl RegistryImage {
    /// Lists the artifacts whose subject is a manifest.
    pub(super) async fn list_referrers(&self, subject: Digest) -> Result<Referrers> {
        let url = self.connection.url(&format!("referrers/{subject}"))?;
        match self.page(url).await {
            Ok(first) => {
                let what = format!("referrers of {subject}");
                let pages: Vec<ImageIndex> = self.pages(&what, first).await?;
                Ok(Referrers {
                    listed: pages.into_iter().flat_map(|page| page.manifests).collect(),
                    by_registry: true,
                })
            }
            // Registries without the API do not know the path.
            Err(error) if error.status_code() == Some(404) => {
                let tagged = self.tagged_index(subject).await?;
                Ok(Referrers {
                    listed: tagged.map_or(Vec::new(), |tagged| tagged.index.manifests),
                    by_registry: false,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an artifact from the list that clients maintain, if there is one.
    ///
    /// # Errors
    /// If the registry refuses or cannot be reached.
    pub async fn remove_referrer(&self, referrer: Digest, subject: Digest) -> Result<()> {
        let Some(TaggedIndex { digest, mut index }) = self.tagged_index(subject).await? else {
            return Ok(());
        };
        let before = index.manifests.len();
        index.manifests.retain(|listed| listed.digest != referrer);
        if index.manifests.len() == before {
            return Ok(());
        }
        if index.manifests.is_empty() {
            // A registry that never deletes keeps an empty list, and so does one whose tags outlive
            // what they name.
            match self.delete_manifest(digest).await {
                Ok(_) if self.delete_tag(&referrers_tag(subject)).await? => return Ok(()),
                Ok(_) => {}
                Err(error)
                    if error.registry().and_then(RegistryError::status_code) == Some(405) => {}
                Err(error) => return Err(error),
            }
        }
        self.store_tagged_index(&index, subject).await?;
        self.delete_replaced(digest).await;
        Ok(())
    }

    /// Adds an artifact to the list that clients maintain.
    pub(super) async fn add_referrer(&self, referrer: &Descriptor, subject: Digest) -> Result<()> {
        // Another client may write between our reading and our writing.
        for _ in 0..MAX_ATTEMPTS {
            let tagged = self.tagged_index(subject).await?;
            let (replaced, mut index) = match tagged {
                Some(TaggedIndex { digest, index }) => (Some(digest), index),
                None => (None, ImageIndex::of(Vec::new())),
            };
            let listed = |listed: &Descriptor| listed.digest == referrer.digest;
            if index.manifests.iter().any(listed) {
                return Ok(());
            }
            index.manifests.push(referrer.clone());
            self.store_tagged_index(&index, subject).await?;
            if let Some(replaced) = replaced {
                self.delete_replaced(replaced).await;
            }
        }
        Err(Error::List {
            what: format!("referrers of {subject}"),
            reason: "the list kept changing while an artifact was added to it",
        })
    }

    /// Deletes a list that was replaced, which no one else would. A failure does no harm.
    async fn delete_replaced(&self, replaced: Digest) {
        if let Err(error) = self.delete_manifest(replaced).await {
            tracing::debug!(%error, "the replaced list of referrers stays behind");
        }
    }

    async fn store_tagged_index(&self, index: &ImageIndex, subject: Digest) -> Result<()> {
        let manifest = Manifest::of(media_type::OCI_INDEX, index)?;
        self.put_tag(&manifest, &referrers_tag(subject)).await
    }

    async fn tagged_index(&self, subject: Digest) -> Result<Option<TaggedIndex>> {
        match self.pull_manifest(referrers_tag(subject)).await {
            Ok(manifest) => Ok(Some(TaggedIndex {
                digest: manifest.descriptor.digest,
                index: manifest.parse()?,
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Returns the tag under which clients list the artifacts that refer to a manifest.
fn referrers_tag(subject: Digest) -> String {
    format!("sha256-{}", subject.hex())
}
