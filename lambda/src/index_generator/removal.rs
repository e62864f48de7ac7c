//! Removal of the SOCI-enabled image of an image whose tag was deleted (V2).
//!
//! A deletion cannot be undone, so everything is checked, and content stays if there is any doubt:
//!
//! - The source's tag is gone, both when the work begins and immediately before the deletion. The
//!   registry itself has to say so; any other response is an error. It also says so for archived
//!   images, which Amazon ECR's API lists.
//! - The output's tag names an image index that lists SOCI indexes and is marked as created by the
//!   index generator for this tag (`output_mark`). Any other image with that tag (an alias, or a
//!   user's own image) cannot be distinguished from one that is needed.
//! - No Terraform resource claims it.
//! - Only the tag is deleted, never the image index by digest: if it has another tag, it stays.
//! - Of the content it listed, only SOCI indexes and image manifests that refer to one are deleted,
//!   and only without a tag and without a claim. Amazon ECR refuses to delete manifests that
//!   another image index lists.
//!
//! The source may be pushed again at any time. It is looked up once more after the deletion, and if
//! it exists, it is indexed as after a push. Whichever invocation acts last thus leaves the tag
//! where it belongs. The same happens if another attempt finds the source without its output.
//!
//! An interruption after the tag is gone leaves untagged manifests, as expected by a lifecycle
//! policy for those.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::describe_images::DescribeImagesError;
use aws_sdk_ecr::types::{ImageFailureCode, ImageIdentifier};
use soci::oci::ImageIndex;
use soci::{Digest, ImageSource, RegistryImage};

use super::error::Error;
use crate::event::{DeletionEvent, PushEvent};
use crate::tag_suffix::TagSuffix;
use crate::{archive, claim, output_mark, runtime};

/// The outcome of a removal that did not fail.
pub(super) enum Ended {
    /// The output's tag is gone, as described.
    Removed(String),
    /// The output stays, for the given reason.
    Kept(String),
    /// The source exists and the output's tag is gone, so the source must be indexed.
    Returned(Digest),
}

/// The work for the deletion of a tag.
pub(super) struct RemovalJob<'a> {
    pub suffix: &'a TagSuffix,
    /// The image, of which only the repository matters.
    pub image: RegistryImage,
    pub ecr: &'a Client,
    pub deletion: &'a DeletionEvent,
}

/// Result of deleting a manifest.
#[derive(PartialEq, Eq)]
enum Deleted {
    Yes,
    /// It is listed by an image index of the repository, or otherwise needed.
    Needed,
    /// It was already gone.
    Gone,
}

impl RemovalJob<'_> {
    pub(super) async fn run(&self) -> Result<Ended, Error> {
        let kept = |reason: String| {
            let image = self.gone().image();
            Ok(Ended::Kept(format!(
                "nothing to remove for {image}: {reason}"
            )))
        };
        let Some(source) = self.gone().tag.as_deref() else {
            return kept("it had no tag".to_owned());
        };
        let Some(output) = self.suffix.append(source) else {
            return kept("its tag is too long for an index".to_owned());
        };
        let there = self.image.resolve(source).await?;
        let found = self.image.resolve(&output).await?;
        let found = match (there, found) {
            (None, Some(found)) => found,
            (None, None) => return kept(format!("there is no {output:?}")),
            (Some(_), Some(_)) => return kept("the tag exists".to_owned()),
            // An earlier attempt may have failed after the deletion.
            (Some(there), None) => return Ok(Ended::Returned(there.digest)),
        };
        let root = self.image.pull_manifest(found.digest).await?;
        let index = root.parse::<ImageIndex>().ok();
        let Some(index) = index.filter(|_| root.is_soci_enabled()) else {
            return kept(format!("{output:?} is not a SOCI-enabled image"));
        };
        let mark = output_mark::of(self.gone(), &root.bytes, &output)?;
        let mark = mark.descriptor.digest;
        if self.image.resolve(mark).await?.is_none() {
            return kept(format!(
                "{output:?} is not marked as made by a builder with delete_with_source"
            ));
        }
        if self.is_claimed(found.digest).await? {
            return kept(format!("a Terraform resource uses {output:?}"));
        }
        let archived = archive::tags(self.ecr, &self.gone().repository).await;
        if archived
            .map_err(|error| refused(&output, error))?
            .contains(source)
        {
            return kept("its image is archived".to_owned());
        }
        // Checked immediately before the deletion, to keep the window for another push short.
        let now = self.image.resolve(&output).await?;
        if now.is_none_or(|now| now.digest != found.digest) {
            return kept(format!("{output:?} has moved meanwhile"));
        }
        if self.image.resolve(source).await?.is_some() {
            return kept("the tag exists again".to_owned());
        }
        let tag = ImageIdentifier::builder().image_tag(&output).build();
        if self.delete(&output, tag).await? == Deleted::Needed {
            return kept(format!("another image index lists {output:?}"));
        }
        if let Some(now) = self.image.resolve(source).await? {
            return Ok(Ended::Returned(now.digest));
        }
        self.delete_digest(mark).await?;
        if self.image.resolve(found.digest).await?.is_some() {
            let digest = found.digest;
            return Ok(Ended::Removed(format!(
                "removed the tag {output:?}, since {source:?} is gone; {digest} has other tags"
            )));
        }
        let mut removed = 0;
        for listed in &index.manifests {
            removed += usize::from(self.remove_listed(listed.digest).await? == Deleted::Yes);
        }
        Ok(Ended::Removed(format!(
            "removed {output:?}, since {source:?} is gone, with {removed} of the {} manifests that \
             it listed",
            index.manifests.len()
        )))
    }

    /// Deletes a manifest that was created for the deleted image index, unless it is needed
    /// otherwise.
    async fn remove_listed(&self, digest: Digest) -> Result<Deleted, Error> {
        let manifest = match self.image.pull_manifest(digest).await {
            Ok(manifest) => manifest,
            Err(error) if error.is_not_found() => return Ok(Deleted::Gone),
            Err(error) => return Err(error.into()),
        };
        let is_own = manifest.is_soci_enabled() || manifest.is_soci_index();
        if !is_own || self.is_claimed(digest).await? || self.is_tagged(digest).await? {
            return Ok(Deleted::Needed);
        }
        self.delete_digest(digest).await
    }

    /// Returns the deleted image.
    fn gone(&self) -> &PushEvent {
        &self.deletion.image
    }

    async fn is_claimed(&self, digest: Digest) -> Result<bool, Error> {
        let referrers = self.image.referrers(digest).await?;
        Ok(referrers
            .iter()
            .any(|referrer| referrer.artifact_type.as_deref() == Some(claim::ARTIFACT_TYPE)))
    }

    /// Returns whether an image has a tag. One that no longer exists has none.
    async fn is_tagged(&self, digest: Digest) -> Result<bool, Error> {
        let digest = digest.to_string();
        let id = ImageIdentifier::builder().image_digest(&digest).build();
        let describe = self.ecr.describe_images();
        let describe = describe.repository_name(&self.gone().repository);
        match describe.image_ids(id).send().await {
            Ok(answer) => {
                let mut details = answer.image_details.unwrap_or_default().into_iter();
                Ok(details.any(|detail| !detail.image_tags.unwrap_or_default().is_empty()))
            }
            Err(error) => match error.as_service_error() {
                Some(DescribeImagesError::ImageNotFoundException(_)) => Ok(false),
                _ => Err(refused(&digest, runtime::aws_error(&error))),
            },
        }
    }

    async fn delete_digest(&self, digest: Digest) -> Result<Deleted, Error> {
        let name = digest.to_string();
        let id = ImageIdentifier::builder().image_digest(&name).build();
        self.delete(&name, id).await
    }

    async fn delete(&self, name: &str, id: ImageIdentifier) -> Result<Deleted, Error> {
        let delete = self.ecr.batch_delete_image();
        let delete = delete.repository_name(&self.gone().repository);
        let answer = delete.image_ids(id).send().await;
        let answer = answer.map_err(|error| refused(name, runtime::aws_error(&error)))?;
        let Some(failure) = answer.failures.unwrap_or_default().into_iter().next() else {
            return Ok(Deleted::Yes);
        };
        match failure.failure_code {
            Some(ImageFailureCode::ImageNotFound) => Ok(Deleted::Gone),
            Some(ImageFailureCode::ImageReferencedByManifestList) => Ok(Deleted::Needed),
            code => {
                let code = code.as_ref().map_or("no code", ImageFailureCode::as_str);
                let reason = failure.failure_reason.unwrap_or_default();
                Err(refused(name, format!("{code}: {reason}")))
            }
        }
    }
}

fn refused(name: &str, reason: String) -> Error {
    Error::Removal {
        tag: name.to_owned(),
        reason: reason.chars().take(1000).collect(),
    }
}
