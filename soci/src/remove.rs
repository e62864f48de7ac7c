//! Removal of what was published, and only that.
//!
//! Equal content has equal digests, so content built for one image may be used by another: two tags
//! of a repository often share layers, and with them SOCI indexes and manifests. Registries do not
//! count references. So before anything is deleted, everything reachable from each tag is looked
//! up, at about one request per tag. If there are more than [`MAX_TAGS`] tags, nothing is deleted.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::error::{Error, RegistryError, Result};
use crate::oci::{Descriptor, Digest, ImageIndex, Manifest, json, media_type};
use crate::registry::{RegistryImage, is_referrers_tag};
use crate::store::Destination;

/// Number of tags that are looked up concurrently.
const CONCURRENCY: usize = 8;

/// Maximum number of tags of a repository from which anything is removed.
pub const MAX_TAGS: usize = 5000;

/// Annotation of a stand-in: the tag that is being removed.
const REMOVED_TAG: &str = "soci.removed-tag";

/// Returns a manifest with the same content but a different digest.
fn stand_in(manifest: &Manifest, tag: &str) -> Result<Manifest> {
    let mut document: serde_json::Map<String, serde_json::Value> = manifest.parse()?;
    let annotations = document
        .entry("annotations")
        .or_insert_with(|| serde_json::Value::Object(Default::default()));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(REMOVED_TAG.to_owned(), tag.into());
    }
    let bytes = json::to_vec("stand-in of a manifest", &document)?;
    Ok(Manifest::new(&manifest.descriptor.media_type, bytes))
}

/// A SOCI-enabled image (V2) to be removed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Removal<'a> {
    /// Digest of its image index.
    pub root: Digest,
    /// Tags it was published under.
    pub tags: &'a [String],
    /// Manifests that were published with it, used if the image index no longer exists and cannot
    /// list them.
    pub manifests: &'a [Digest],
    /// Images to keep, with everything they list; above all the source.
    pub kept: &'a [Digest],
}

impl<'a> Removal<'a> {
    /// Describes the removal of an image index without tags, keeping nothing.
    pub fn of(root: Digest) -> Self {
        Self {
            root,
            tags: &[],
            manifests: &[],
            kept: &[],
        }
    }

    /// Sets the tags it was published under.
    #[must_use]
    pub fn with_tags(mut self, tags: &'a [String]) -> Self {
        self.tags = tags;
        self
    }

    /// Sets the manifests that were published with it.
    #[must_use]
    pub fn with_manifests(mut self, manifests: &'a [Digest]) -> Self {
        self.manifests = manifests;
        self
    }

    /// Sets the images to keep, with everything they list.
    #[must_use]
    pub fn keeping(mut self, kept: &'a [Digest]) -> Self {
        self.kept = kept;
        self
    }
}

/// Outcome of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// Everything that is not used elsewhere was deleted.
    Deleted,
    /// It is used elsewhere, or is to be kept. It stays, with all its tags.
    InUse,
    /// The repository has more than [`MAX_TAGS`] tags, so other uses were not looked up. It stays,
    /// with all its tags.
    NotLookedUp,
    /// The registry accepted the removal but still serves these tags and digests.
    Left(Vec<String>),
}

impl Removed {
    fn of(left: Vec<String>) -> Self {
        match left.is_empty() {
            true => Self::Deleted,
            false => Self::Left(left),
        }
    }
}

impl RegistryImage {
    /// Removes a SOCI-enabled image, except for content that is reachable from other tags of the
    /// repository.
    ///
    /// The image index is deleted first, then tags that outlive it, then the content it lists, so a
    /// name never leads to missing content. Anything that a tag still serves stays complete.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub async fn remove_converted(&self, removal: &Removal<'_>) -> Result<Removed> {
        let Some(mut used) = self.used(Some(removal.root), removal.tags).await? else {
            return Ok(Removed::NotLookedUp);
        };
        for kept in removal.kept {
            used.extend(self.tree_of(*kept).await?);
        }
        if used.contains(&removal.root) {
            return Ok(Removed::InUse);
        }
        let mut published = self.tree_of(removal.root).await?;
        published.extend(removal.manifests);
        published.remove(&removal.root);
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
        let deleted: Vec<Digest> = published.difference(&used).copied().collect();
        for digest in &deleted {
            self.delete_manifest(*digest).await?;
        }
        for digest in deleted.into_iter().chain([removal.root]) {
            if self.resolve(digest).await?.is_some() {
                left.push(digest.to_string());
            }
        }
        Ok(Removed::of(left))
    }

    /// Removes a tag without deleting the manifest that it names. Returns whether the tag is gone.
    /// A tag that names something else is left alone, as is every tag in a registry that never
    /// deletes.
    ///
    /// Many registries delete only by digest. For those, the tag is moved to a stand-in, which is
    /// then deleted. The stand-in is the same manifest with one more annotation, so clients that
    /// pull the tag in the meantime get the same image.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub async fn untag(&self, tag: &str, named: Digest) -> Result<bool> {
        if self.resolve(tag).await?.map(|now| now.digest) != Some(named) {
            return Ok(true);
        }
        let manifest = self.pull_manifest(named).await?;
        if self.delete_tag(tag).await? {
            // Some registries, such as Amazon ECR, delete a manifest along with its last tag.
            self.push_manifest(&manifest).await?;
            return Ok(true);
        }
        let stand_in = stand_in(&manifest, tag)?;
        let digest = stand_in.descriptor.digest;
        // A registry that does not really delete would leave the tag on the stand-in, so check that
        // first.
        self.push_manifest(&stand_in).await?;
        self.delete_manifest(digest).await?;
        if self.resolve(digest).await?.is_some() {
            return Ok(false);
        }
        let removed = async {
            self.put_manifest(&stand_in, tag).await?;
            self.delete_manifest(digest).await?;
            self.delete_tag(tag).await
        };
        match removed.await {
            Ok(true) => Ok(true),
            failed => {
                self.tag(&manifest, tag).await?;
                failed
            }
        }
    }

    /// Deletes a tag that the registry kept when its manifest was deleted. Returns whether the tag
    /// is gone.
    pub(crate) async fn delete_tag(&self, tag: &str) -> Result<bool> {
        if self.resolve(tag).await?.is_none() {
            return Ok(true);
        }
        match self.delete_manifest(tag).await {
            Ok(_) => Ok(self.resolve(tag).await?.is_none()),
            // Deleting by tag is optional in the specification.
            Err(error) => match error.registry().and_then(RegistryError::status_code) {
                Some(400 | 405 | 501) => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Returns everything reachable from the repository's tags, or `None` if there are more than
    /// [`MAX_TAGS`].
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub async fn all_tagged(&self) -> Result<Option<BTreeSet<Digest>>> {
        self.used(None, &[]).await
    }

    /// Removes a SOCI index (V1) of the manifest `subject`, unless it is in `tagged` (see
    /// [`Self::all_tagged`]).
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub async fn remove_index(
        &self,
        index: Digest,
        subject: Digest,
        tagged: Option<&BTreeSet<Digest>>,
    ) -> Result<Removed> {
        let Some(tagged) = tagged else {
            return Ok(Removed::NotLookedUp);
        };
        if tagged.contains(&index) {
            return Ok(Removed::InUse);
        }
        self.remove_referrer(index, subject).await?;
        self.delete_manifest(index).await?;
        let left = self.resolve(index).await?;
        Ok(Removed::of(
            left.map(|_| index.to_string()).into_iter().collect(),
        ))
    }

    /// Returns everything reachable from the repository's tags, except those in `own` that name
    /// `root`. Returns `None` if there are too many tags.
    async fn used(&self, root: Option<Digest>, own: &[String]) -> Result<Option<BTreeSet<Digest>>> {
        let mut tags = self.tags().await?;
        // Referrers lists do not count as uses.
        tags.retain(|tag| !is_referrers_tag(tag));
        if tags.len() > MAX_TAGS {
            return Ok(None);
        }
        let named: Vec<Option<Descriptor>> = stream::iter(tags)
            .map(|tag| async move {
                let named = self.resolve(&tag).await?;
                Ok::<_, Error>(
                    named.filter(|named| !(Some(named.digest) == root && own.contains(&tag))),
                )
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        let (images, others): (Vec<Descriptor>, Vec<Descriptor>) = named
            .into_iter()
            .flatten()
            .partition(|named| media_type::is_manifest(&named.media_type));
        let mut used: BTreeSet<Digest> = images.iter().map(|image| image.digest).collect();
        let others: BTreeSet<Digest> = others.iter().map(|other| other.digest).collect();
        let mut trees = stream::iter(others)
            .map(|digest| self.tree_of(digest))
            .buffer_unordered(CONCURRENCY);
        while let Some(tree) = trees.try_next().await? {
            used.extend(tree);
        }
        Ok(Some(used))
    }

    /// Returns a manifest and everything it lists, or nothing if it does not exist.
    async fn tree_of(&self, root: Digest) -> Result<BTreeSet<Digest>> {
        let manifest = match self.pull_manifest(root).await {
            Ok(manifest) => manifest,
            Err(error) if error.is_not_found() => return Ok(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        let listed = manifest.parse::<ImageIndex>().map(|index| index.manifests);
        // An image manifest lists no other manifests.
        let listed = listed.unwrap_or_default();
        let mut tree: BTreeSet<Digest> = listed.iter().map(|listed| listed.digest).collect();
        tree.insert(root);
        Ok(tree)
    }
}
