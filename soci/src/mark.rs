//! Marks: small artifacts without content that refer to a manifest.
//!
//! A mark is a referrer of the manifest, and is found and removed like any other. Its annotations
//! carry the information.

use bytes::Bytes;

use crate::error::Result;
use crate::oci::{
    Annotations, Descriptor, Digest, EMPTY_JSON, ImageManifest, Manifest, media_type,
};
use crate::registry::RegistryImage;
use crate::store::{Destination, ImageSource};

/// Media type of empty content.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Maximum number of marks of one type that are read.
const MAX_MARKS: usize = 256;

/// A mark of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Digest of the mark's own manifest.
    pub digest: Digest,
    /// Annotations that carry the mark's information.
    pub annotations: Annotations,
}

/// Returns a mark of a manifest. Its digest depends only on the arguments.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn mark_of(
    subject: &Descriptor,
    artifact_type: &str,
    annotations: Annotations,
) -> Result<Manifest> {
    let manifest = ImageManifest {
        schema_version: 2,
        media_type: Some(media_type::OCI_MANIFEST.to_owned()),
        artifact_type: None,
        config: Descriptor::of(artifact_type, EMPTY_JSON),
        layers: vec![Descriptor::of(EMPTY, EMPTY_JSON)],
        subject: Some(subject.clone()),
        annotations: annotations.clone(),
    };
    let mut mark = Manifest::of(media_type::OCI_MANIFEST, &manifest)?;
    // A list of referrers that clients maintain repeats the type and annotations of each referrer.
    mark.descriptor.artifact_type = Some(artifact_type.to_owned());
    mark.descriptor.annotations = annotations;
    Ok(mark)
}

impl RegistryImage {
    /// Lists the marks of this type that a manifest has.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached, or a mark cannot be read.
    pub async fn marks(&self, subject: Digest, artifact_type: &str) -> Result<Vec<Mark>> {
        let referrers = self.referrers(subject).await?.into_iter();
        let marks = referrers.filter(|referrer| {
            let found = referrer.artifact_type.as_deref();
            found == Some(artifact_type)
        });
        let mut found = Vec::new();
        for mark in marks.take(MAX_MARKS) {
            // Not every registry repeats the annotations in its list.
            let document = match self.pull_manifest(mark.digest).await {
                Ok(document) => document,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            let manifest: ImageManifest = document.parse()?;
            found.push(Mark {
                digest: mark.digest,
                annotations: manifest.annotations,
            });
        }
        Ok(found)
    }

    /// Adds a mark to a manifest.
    ///
    /// # Errors
    /// If the manifest does not exist, or the registry refuses or cannot be reached.
    pub async fn add_mark(
        &self,
        subject: Digest,
        artifact_type: &str,
        annotations: Annotations,
    ) -> Result<()> {
        let subject = self.pull_manifest(subject).await?.descriptor;
        let mark = mark_of(&subject, artifact_type, annotations)?;
        self.push_mark_content().await?;
        self.push_referrer(&mark, &subject).await
    }

    /// Pushes a mark of an existing manifest, to be found by the mark's digest. Only a registry
    /// with a referrers API lists it.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub async fn push_mark(&self, mark: &Manifest) -> Result<()> {
        self.push_mark_content().await?;
        self.push_manifest(mark).await
    }

    async fn push_mark_content(&self) -> Result<()> {
        let digest = Digest::of(EMPTY_JSON);
        if self.has_blob(digest).await? {
            return Ok(());
        }
        let content = Bytes::from_static(EMPTY_JSON);
        self.push_blob(digest, vec![content]).await
    }

    /// Removes a mark of a manifest.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub async fn remove_mark(&self, mark: Digest, subject: Digest) -> Result<()> {
        self.remove_referrer(mark, subject).await?;
        self.delete_manifest(mark).await?;
        Ok(())
    }
}
