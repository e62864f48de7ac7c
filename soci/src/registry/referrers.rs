//! Which artifacts refer to a manifest.
//!
//! Registries with the referrers API answer that themselves. For others the clients keep an
//! image index under the tag `sha256-<hex>` (OCI distribution 1.1, "referrers tag schema").

use super::{Document, RegistryError, RegistryImage};
use crate::oci::{Descriptor, ImageIndex, media_type};
use crate::store::Destination;
use crate::{Digest, Error, Result};

impl RegistryImage {
    /// The artifacts whose subject is the manifest of this digest, and whether the registry
    /// itself keeps that list.
    pub(super) async fn list_referrers(&self, subject: Digest) -> Result<(Vec<Descriptor>, bool)> {
        let url = self.connection.url(&format!("referrers/{subject}"))?;
        let what = format!("referrers of {subject}");
        match self.pages::<ImageIndex>(&what, url).await? {
            Ok(pages) => Ok((pages.into_iter().flat_map(|p| p.manifests).collect(), true)),
            // Registries without the API do not know the path.
            Err(error) if error.status_code() == Some(404) => {
                let kept = self.fallback_index(subject).await?;
                Ok((kept.map_or(Vec::new(), |(_, index)| index.manifests), false))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an artifact from the list that clients keep, if there is such a list.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached.
    pub async fn remove_referrer(&self, referrer: Digest, subject: Digest) -> Result<()> {
        let Some((digest, mut index)) = self.fallback_index(subject).await? else {
            return Ok(());
        };
        let before = index.manifests.len();
        index.manifests.retain(|listed| listed.digest != referrer);
        if index.manifests.len() == before {
            return Ok(());
        }
        if index.manifests.is_empty() {
            // Where nothing is ever deleted, an empty list must do; so it must where a tag
            // outlives what it named.
            match self.delete_manifest(digest).await {
                Ok(_) if self.delete_tag(&fallback_tag(subject)).await? => return Ok(()),
                Ok(_) => {}
                Err(error)
                    if error.registry().and_then(RegistryError::status_code) == Some(405) => {}
                Err(error) => return Err(error),
            }
        }
        self.store_fallback_index(&index, subject).await?;
        self.forget_list(digest).await;
        Ok(())
    }

    pub(super) async fn add_referrer(&self, referrer: &Descriptor, subject: Digest) -> Result<()> {
        // Another client may write between our reading and our writing.
        for _ in 0..5 {
            let found = self.fallback_index(subject).await?;
            let (replaced, mut index) = match found {
                Some((digest, index)) => (Some(digest), index),
                None => (None, ImageIndex::of(Vec::new())),
            };
            let listed = |listed: &Descriptor| listed.digest == referrer.digest;
            if index.manifests.iter().any(listed) {
                return Ok(());
            }
            index.manifests.push(referrer.clone());
            self.store_fallback_index(&index, subject).await?;
            if let Some(replaced) = replaced {
                self.forget_list(replaced).await;
            }
        }
        Err(Error::document(
            format!("referrers of {subject}"),
            "the list kept changing while an artifact was added to it",
        ))
    }

    /// What a list was before is of no use to anyone, and nobody else removes it.
    async fn forget_list(&self, replaced: Digest) {
        if let Err(error) = self.delete_manifest(replaced).await {
            tracing::debug!(%error, "the replaced list of referrers stays behind");
        }
    }

    async fn store_fallback_index(&self, index: &ImageIndex, subject: Digest) -> Result<()> {
        let document = Document::of(media_type::OCI_INDEX, index)?;
        self.tag(&document, &fallback_tag(subject)).await
    }

    /// The index that clients keep, and its digest.
    async fn fallback_index(&self, subject: Digest) -> Result<Option<(Digest, ImageIndex)>> {
        match self.document(fallback_tag(subject)).await {
            Ok(document) => Ok(Some((document.descriptor.digest, document.parse()?))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The tag under which clients list the artifacts that refer to a manifest.
fn fallback_tag(subject: Digest) -> String {
    format!("sha256-{}", subject.hex())
}
