//! Removing what was published, and nothing else.
//!
//! Equal content has equal digests, so what one image made, another may use: two tags of one
//! repository often share layers, and with them SOCI indexes and manifests. Registries do not
//! count references. Before anything is deleted, everything that a tag leads to is looked up.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::oci::{Annotations, ImageIndex, media_type};
use crate::registry::{RegistryError, RegistryImage};
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

/// Outcome of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// Everything that nothing else uses is gone.
    Gone,
    /// Something else uses it, or it is one of those to keep: it stays, with all its tags.
    InUse,
    /// The registry accepted the removal but still serves these tags and digests.
    Left(Vec<String>),
}

impl Removed {
    fn of(left: Vec<String>) -> Self {
        match left.is_empty() {
            true => Self::Gone,
            false => Self::Left(left),
        }
    }
}

impl RegistryImage {
    /// Removes a SOCI-enabled image, except what other tags of the repository lead to.
    ///
    /// The image index goes first, then tags that outlive it, then what it lists, so that at no
    /// moment a name leads to something that is gone. What a tag still serves stays whole.
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
        let mut left = Vec::new();
        for tag in removal.tags {
            let named = self.resolve(tag).await?.map(|now| now.digest);
            if named == Some(removal.root) && !self.delete_tag(tag).await? {
                left.push(tag.clone());
            }
        }
        if !left.is_empty() {
            return Ok(Removed::Left(left));
        }
        let gone: Vec<Digest> = made.difference(&used).copied().collect();
        for digest in &gone {
            self.delete_manifest(*digest).await?;
        }
        for digest in gone.into_iter().chain([removal.root]) {
            if self.resolve(digest).await?.is_some() {
                left.push(digest.to_string());
            }
        }
        Ok(Removed::of(left))
    }

    /// Removes a tag from what it names, which stays. Returns whether the tag is gone; a tag that
    /// names something else is left alone.
    ///
    /// Many registries only delete by digest, and some that do delete a tag delete with it what
    /// only it names. So the tag is given to a placeholder, and that is deleted.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached.
    pub async fn untag(&self, tag: &str, named: Digest) -> Result<bool> {
        if self.resolve(tag).await?.map(|now| now.digest) != Some(named) {
            return Ok(true);
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
        self.delete_tag(tag).await
    }

    /// Deletes a tag that a registry kept when what it names was deleted. Returns whether it is
    /// gone.
    pub(crate) async fn delete_tag(&self, tag: &str) -> Result<bool> {
        if self.resolve(tag).await?.is_none() {
            return Ok(true);
        }
        match self.delete_manifest(tag).await {
            Ok(_) => Ok(self.resolve(tag).await?.is_none()),
            // Deleting by tag is optional.
            Err(error) => match error.registry().and_then(RegistryError::status_code) {
                Some(400 | 405 | 501) => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Removes a SOCI index (V1) of the manifest `subject`, unless a tag leads to it.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached.
    pub async fn remove_index(&self, index: Digest, subject: Digest) -> Result<Removed> {
        if self.used(index, &[]).await?.contains(&index) {
            return Ok(Removed::InUse);
        }
        self.remove_referrer(index, subject).await?;
        self.delete_manifest(index).await?;
        let left = self.resolve(index).await?;
        Ok(Removed::of(
            left.map(|_| index.to_string()).into_iter().collect(),
        ))
    }

    /// Everything that the repository's tags lead to, without those of the tags `own` that
    /// name `root`.
    async fn used(&self, root: Digest, own: &[String]) -> Result<BTreeSet<Digest>> {
        let tags = self.tags().await?.into_iter();
        // Lists of referrers use nothing.
        let tags = tags.filter(|tag| !is_referrers_tag(tag));
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

/// Whether clients list the referrers of a manifest under this tag.
fn is_referrers_tag(tag: &str) -> bool {
    tag.strip_prefix("sha256-")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
