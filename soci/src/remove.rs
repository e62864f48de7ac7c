//! Removing what was published, and nothing else.
//!
//! Equal content has equal digests, so what one image made, another may use: two tags of one
//! repository often share layers, and with them SOCI indexes and manifests. Registries do not
//! count references. Before anything is deleted, everything that a tag leads to is looked up.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::oci::{Annotations, ImageIndex, media_type};
use crate::registry::RegistryImage;
use crate::store::Document;
use crate::{Digest, Result};

/// Tags that are looked up at the same time.
const CONCURRENCY: usize = 8;

/// The annotation that tells what a placeholder stands for, should one be found.
const PLACEHOLDER: &str = "soci.placeholder-of-tag";

/// A SOCI-enabled image (V2) that is to go.
#[derive(Debug)]
pub struct Removal<'a> {
    /// Its image index.
    pub root: Digest,
    /// The tags it was published with.
    pub tags: &'a [String],
    /// Manifests that were published with it, in case the image index is gone already and
    /// cannot tell.
    pub manifests: &'a [Digest],
    /// Images that stay with everything they list: the source above all.
    pub kept: &'a [Digest],
}

/// What became of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// All that nothing else uses is gone.
    Gone,
    /// The image has other tags, or is one of those to keep: it stays, with all its tags.
    InUse,
}

impl RegistryImage {
    /// Removes a SOCI-enabled image, except what other tags of the repository lead to.
    ///
    /// The image index goes first, so that at no moment it lists something that is gone.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached.
    pub async fn remove_enabled(&self, removal: &Removal<'_>) -> Result<Removed> {
        let mut used = self.used(removal.root, removal.tags).await?;
        for kept in removal.kept {
            used.extend(self.tree_of(*kept).await?);
        }
        if used.contains(&removal.root) {
            return Ok(Removed::InUse);
        }
        let mut made = self.tree_of(removal.root).await?;
        made.extend(removal.manifests);
        made.remove(&removal.root);
        self.delete_manifest(removal.root).await?;
        for digest in made.difference(&used) {
            self.delete_manifest(*digest).await?;
        }
        Ok(Removed::Gone)
    }

    /// Takes a tag away from what it names, which stays; nothing, if it names something else.
    ///
    /// Many registries only delete by digest, and some that do delete a tag delete with it what
    /// only it names. So the tag is given to a placeholder, and that is deleted.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached.
    pub async fn untag(&self, tag: &str, named: Digest) -> Result<()> {
        if self.resolve(tag).await?.map(|now| now.digest) != Some(named) {
            return Ok(());
        }
        let mut placeholder = ImageIndex::of(Vec::new());
        placeholder.annotations = Annotations::from([(PLACEHOLDER.to_owned(), tag.to_owned())]);
        let placeholder = Document::of(media_type::OCI_INDEX, &placeholder)?;
        let digest = placeholder.descriptor.digest;
        // Where nothing is ever deleted, the tag would be left with the placeholder.
        self.put_manifest(&placeholder, &digest.to_string()).await?;
        self.delete_manifest(digest).await?;
        self.put_manifest(&placeholder, tag).await?;
        self.delete_manifest(digest).await?;
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

    /// Everything that the repository's tags lead to, without those of the tags `own` that
    /// name `root`.
    async fn used(&self, root: Digest, own: &[String]) -> Result<BTreeSet<Digest>> {
        let tags = self.tags().await?;
        let tagged: Vec<Option<Digest>> = stream::iter(tags)
            .map(|tag| async move {
                let named = self.resolve(&tag).await?.map(|named| named.digest);
                Ok::<_, crate::Error>(
                    named.filter(|&digest| !(digest == root && own.contains(&tag))),
                )
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        let tagged: BTreeSet<Digest> = tagged.into_iter().flatten().collect();
        let trees: Vec<BTreeSet<Digest>> = stream::iter(tagged)
            .map(|digest| self.tree_of(digest))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        Ok(trees.into_iter().flatten().collect())
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
