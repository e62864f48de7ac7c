//! Removing what was published.

use std::collections::BTreeSet;

use crate::oci::ImageIndex;
use crate::registry::RegistryImage;
use crate::{Digest, Result};

impl RegistryImage {
    /// Removes a SOCI-enabled image (V2) with everything it lists. The images in `kept`, its
    /// source above all, stay with everything that they list.
    ///
    /// The image index goes first, so that at no moment it lists something that is gone.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached; what is left is found by the next call
    /// only as long as the image index exists.
    pub async fn remove_enabled(&self, enabled: Digest, kept: &[Digest]) -> Result<()> {
        let mut shared = BTreeSet::new();
        for kept in kept {
            shared.insert(*kept);
            shared.extend(self.tree_of(*kept).await?);
        }
        let made: Vec<Digest> = self
            .tree_of(enabled)
            .await?
            .difference(&shared)
            .copied()
            .collect();
        if made.contains(&enabled) {
            self.delete_manifest(enabled).await?;
        }
        for digest in made.into_iter().filter(|digest| *digest != enabled) {
            self.delete_manifest(digest).await?;
        }
        Ok(())
    }

    /// Removes a SOCI index (V1) of the manifest `subject`.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached.
    pub async fn remove_index(&self, index: Digest, subject: Digest) -> Result<()> {
        self.remove_referrer(index, subject).await?;
        self.delete_manifest(index).await?;
        Ok(())
    }

    /// A manifest or index and what it lists; empty if it does not exist.
    async fn tree_of(&self, root: Digest) -> Result<BTreeSet<Digest>> {
        let document = match self.document(root).await {
            Ok(document) => document,
            Err(error) if error.is_not_found() => return Ok(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        let listed = document.parse::<ImageIndex>().map(|index| index.manifests);
        // A manifest lists nothing.
        let listed = listed.unwrap_or_default();
        let mut tree: BTreeSet<Digest> = listed.iter().map(|listed| listed.digest).collect();
        tree.insert(root);
        Ok(tree)
    }
}
