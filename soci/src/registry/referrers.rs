//! Lists of the artifacts that refer to a manifest.
//!
//! Registries with the referrers API maintain the list themselves. For other registries, clients
//! maintain an image index under the tag `sha256-<hex>` (OCI distribution 1.1, "referrers tag
//! schema").
//!
//! Registries without the API respond to it in any number of ways: web pages, all kinds of
//! statuses, lists that are always empty. So only a non-empty image index counts as their list, and
//! the response to an artifact's upload tells whether the registry listed it.

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, Response};

use super::connection::{Answer, Request};
use super::image::RegistryImage;
use super::manifest::content_type;
use crate::error::RegistryError;
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Digest, ImageIndex, Manifest, media_type};

/// Maximum number of attempts at adding an artifact to a list that other clients also change.
const MAX_ATTEMPTS: usize = 5;

/// The manifest that the referrers tag names.
enum Tagged {
    Nothing,
    List {
        digest: Digest,
        index: Box<ImageIndex>,
    },
    /// Something else, such as the subject itself.
    Other,
}

impl RegistryImage {
    /// Lists the artifacts whose subject is a manifest.
    pub(super) async fn list_referrers(&self, subject: Digest) -> Result<Vec<Descriptor>> {
        let listed = self.listed_by_registry(subject).await?;
        if !listed.is_empty() {
            return Ok(listed);
        }
        Ok(match self.tagged(subject).await? {
            Tagged::List { index, .. } => index.manifests,
            Tagged::Nothing | Tagged::Other => Vec::new(),
        })
    }

    /// Returns the list that the registry itself maintains, or an empty list if it maintains none.
    async fn listed_by_registry(&self, subject: Digest) -> Result<Vec<Descriptor>> {
        let url = self.connection.url(&format!("referrers/{subject}"))?;
        let mut request = Request::new(Method::GET, url);
        let accept = HeaderValue::from_static(media_type::OCI_INDEX);
        request.headers.insert(ACCEPT, accept);
        let first = match self.page(&request).await {
            Ok(first) => first,
            // Any final answer counts: registries without the API do not know the path.
            Err(error) if error.is_answered() => {
                tracing::debug!(%error, "the registry lists no referrers");
                return Ok(Vec::new());
            }
            Err(error) => return Err(error.into()),
        };
        if !is_list(&first) {
            return Ok(Vec::new());
        }
        let what = format!("referrers of {subject}");
        let pages: Vec<ImageIndex> = self.pages(&what, request, first).await?;
        Ok(pages.into_iter().flat_map(|page| page.manifests).collect())
    }

    /// Ensures that an artifact which was just stored is listed among its subject's referrers,
    /// given the registry's response.
    pub(super) async fn list_stored(
        &self,
        referrer: &Descriptor,
        subject: Digest,
        stored: &Response,
    ) -> Result<()> {
        // A registry that maintains the list says so.
        let said = stored.headers().get("oci-subject");
        let said = said.and_then(|said| said.to_str().ok()?.parse::<Digest>().ok());
        if said == Some(subject) {
            return Ok(());
        }
        // Some do not say so; then the list itself shows it.
        let listed = self.listed_by_registry(subject).await?;
        if listed.iter().any(|listed| listed.digest == referrer.digest) {
            return Ok(());
        }
        self.add_referrer(referrer, subject).await
    }

    /// Removes an artifact from the list maintained by clients, if there is one.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub async fn remove_referrer(&self, referrer: Digest, subject: Digest) -> Result<()> {
        let Tagged::List { digest, mut index } = self.tagged(subject).await? else {
            return Ok(());
        };
        let before = index.manifests.len();
        index.manifests.retain(|listed| listed.digest != referrer);
        if index.manifests.len() == before {
            return Ok(());
        }
        if index.manifests.is_empty() {
            // A registry that never deletes keeps an empty list, as does one whose tags outlive the
            // manifests they name.
            match self.delete_manifest(digest).await {
                Ok(_) if self.delete_tag(&referrers_tag(subject)).await? => return Ok(()),
                Ok(_) => {}
                Err(error) if error.registry().is_some_and(RegistryError::is_unsupported) => {}
                Err(error) => return Err(error),
            }
        }
        self.store_tagged_index(&index, subject).await?;
        self.delete_replaced(digest).await;
        Ok(())
    }

    /// Adds an artifact to the list maintained by clients.
    async fn add_referrer(&self, referrer: &Descriptor, subject: Digest) -> Result<()> {
        let fail = |reason| {
            Err(Error::List {
                what: format!("referrers of {subject}"),
                reason,
            })
        };
        let tag = referrers_tag(subject);
        // Another client may write between this read and the write.
        for attempt in 0..MAX_ATTEMPTS {
            let (replaced, mut index) = match self.tagged(subject).await? {
                Tagged::List { digest, index } => (Some(digest), index),
                Tagged::Nothing => (None, Box::new(ImageIndex::of(Vec::new()))),
                Tagged::Other if attempt > 0 => {
                    return fail(
                        "the registry neither lists referrers nor lets clients keep a list; \
                         use index version V2, which needs none",
                    );
                }
                // Some registries mistake the tag for the digest that it resembles. If it is not in
                // the list of tags, nothing would be lost.
                Tagged::Other if self.tags().await?.contains(&tag) => {
                    return fail(
                        "the registry does not list referrers, and the referrers tag points to \
                         something else; use index version V2, which needs none",
                    );
                }
                Tagged::Other => (None, Box::new(ImageIndex::of(Vec::new()))),
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
        fail("the list kept changing while an artifact was added to it")
    }

    /// Deletes a list that was replaced, since no one else would. A failure is harmless.
    async fn delete_replaced(&self, replaced: Digest) {
        if let Err(error) = self.delete_manifest(replaced).await {
            tracing::debug!(%error, "the replaced list of referrers stays behind");
        }
    }

    async fn store_tagged_index(&self, index: &ImageIndex, subject: Digest) -> Result<()> {
        let manifest = Manifest::of(media_type::OCI_INDEX, index)?;
        self.put_tag(&manifest, &referrers_tag(subject)).await
    }

    async fn tagged(&self, subject: Digest) -> Result<Tagged> {
        let manifest = match self.pull_manifest(referrers_tag(subject)).await {
            Ok(manifest) => manifest,
            Err(error) if error.is_not_found() => return Ok(Tagged::Nothing),
            Err(error) => return Err(error),
        };
        let Descriptor {
            digest,
            ref media_type,
            ..
        } = manifest.descriptor;
        Ok(match index_of(media_type, &manifest.bytes) {
            Some(index) if digest != subject => Tagged::List {
                digest,
                index: Box::new(index),
            },
            _ => Tagged::Other,
        })
    }
}

/// Returns whether a response is the first page of a referrers list.
fn is_list(answer: &Answer) -> bool {
    let media_type = content_type(&answer.headers);
    match &answer.body {
        Some(body) => index_of(&media_type, body).is_some(),
        // A list that is too long is an error, not a web page.
        None => media_type == media_type::OCI_INDEX,
    }
}

/// Reads an OCI image index, identified as such by the response or by the document itself.
fn index_of(media_type: &str, bytes: &[u8]) -> Option<ImageIndex> {
    let index: ImageIndex = serde_json::from_slice(bytes).ok()?;
    let named = [Some(media_type), index.media_type.as_deref()];
    named
        .contains(&Some(media_type::OCI_INDEX))
        .then_some(index)
}

/// Returns the tag under which clients list the referrers of a manifest.
fn referrers_tag(subject: Digest) -> String {
    format!("sha256-{}", subject.hex())
}

/// Returns whether clients list the referrers of a manifest under this tag.
pub(crate) fn is_referrers_tag(tag: &str) -> bool {
    tag.strip_prefix("sha256-")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
