//! Claims: marks in the registry with which resources share what they publish.
//!
//! Equal content has equal digests, so a resource may find that what it is about to publish is
//! already in the registry, put there by another resource, another configuration or a person.
//! Terraform shows a provider one resource at a time, so only the registry can record who relies on
//! what:
//!
//! - A resource that finds a manifest *claims* it, and withdraws the claim when it no longer needs
//!   it.
//! - A resource that published a manifest needs no claim, so nothing is added for an index that is
//!   not shared. If others claim the manifest when the resource is removed, it leaves a *bequest*,
//!   which allows the last of them to remove the manifest.
//!
//! A claimed manifest stays, and so does one that was found and never bequeathed, because someone
//! else published it.

use lambda::claim::ARTIFACT_TYPE;
use soci::oci::Annotations;
use soci::{Digest, RegistryImage};

/// The resource that relies on the manifest.
const RESOURCE: &str = "soci.claim.resource";
/// The import ID of that resource, for display.
const ID: &str = "soci.claim.id";
/// The tag that it relies on.
const TAG: &str = "soci.claim.tag";
/// Present in a bequest: the tags that belong to the manifest, separated by commas.
const BEQUEST: &str = "soci.claim.bequest";

/// The claims of one resource in the repository of an image.
pub(super) struct Claims<'a> {
    image: &'a RegistryImage,
    resource: &'a str,
}

/// The marks of a manifest.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Claims of the resource itself.
    own: Vec<Digest>,
    /// Import IDs and tags of other resources that claim the manifest.
    others: Vec<(String, Option<String>)>,
    bequests: Vec<Digest>,
    /// Tags that belong to the manifest.
    bequeathed_tags: Vec<String>,
}

impl Marks {
    /// Returns whether another resource relies on the manifest.
    pub(super) fn is_claimed(&self) -> bool {
        !self.others.is_empty()
    }

    /// Returns whether the resource that published the manifest has left it to the others.
    pub(super) fn is_bequeathed(&self) -> bool {
        !self.bequests.is_empty()
    }

    /// Returns whether another resource relies on the tag.
    pub(super) fn claims_tag(&self, tag: &str) -> bool {
        let mut tags = self.others.iter().filter_map(|(_, tag)| tag.as_deref());
        tags.any(|claimed| claimed == tag)
    }

    /// Returns the tags that belong to the manifest.
    pub(super) fn bequeathed_tags(&self) -> &[String] {
        &self.bequeathed_tags
    }

    /// Returns the import IDs of the resources that rely on the manifest.
    pub(super) fn claimants(&self) -> Vec<&str> {
        self.others.iter().map(|(id, _)| id.as_str()).collect()
    }
}

impl<'a> Claims<'a> {
    pub(super) fn new(image: &'a RegistryImage, resource: &'a str) -> Self {
        Self { image, resource }
    }

    /// Reads the marks of a manifest.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub(super) async fn marks(&self, manifest: Digest) -> soci::Result<Marks> {
        let mut marks = Marks::default();
        for mark in self.image.marks(manifest, ARTIFACT_TYPE).await? {
            let said = |key: &str| mark.annotations.get(key).cloned();
            if let Some(tags) = said(BEQUEST) {
                let tags = tags.split(',').filter(|tag| !tag.is_empty());
                marks.bequeathed_tags.extend(tags.map(str::to_owned));
                marks.bequests.push(mark.digest);
            } else if said(RESOURCE).as_deref() == Some(self.resource) {
                marks.own.push(mark.digest);
            } else {
                marks.others.push((said(ID).unwrap_or_default(), said(TAG)));
            }
        }
        Ok(marks)
    }

    /// Claims a manifest. `id` is the resource's import ID.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub(super) async fn claim(
        &self,
        manifest: Digest,
        id: &str,
        tag: Option<&str>,
    ) -> soci::Result<()> {
        let mut said = Annotations::from([
            (RESOURCE.to_owned(), self.resource.to_owned()),
            (ID.to_owned(), id.to_owned()),
        ]);
        said.extend(tag.map(|tag| (TAG.to_owned(), tag.to_owned())));
        self.image.add_mark(manifest, ARTIFACT_TYPE, said).await
    }

    /// Withdraws the resource's claims.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub(super) async fn withdraw(&self, manifest: Digest, marks: &Marks) -> soci::Result<()> {
        for mark in &marks.own {
            self.image.remove_mark(*mark, manifest).await?;
        }
        Ok(())
    }

    /// Leaves a manifest, with these tags, to the resources that claim it.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub(super) async fn bequeath(&self, manifest: Digest, tags: &[String]) -> soci::Result<()> {
        let said = Annotations::from([(BEQUEST.to_owned(), tags.join(","))]);
        self.image.add_mark(manifest, ARTIFACT_TYPE, said).await
    }

    /// Removes the bequests of a deleted manifest.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub(super) async fn forget(&self, manifest: Digest, marks: &Marks) -> soci::Result<()> {
        for mark in &marks.bequests {
            self.image.remove_mark(*mark, manifest).await?;
        }
        Ok(())
    }
}
