//! Indexing one image: whether there is anything to do, doing it, and which push wins.
//!
//! Events come twice, late, and out of order, and two of them may be worked on at once. What
//! keeps the outcome right is that nothing depends on their order:
//!
//! - Everything but the output's tag is named by its content. To store it again changes nothing.
//! - The output's tag follows the source's tag. That is looked at before the output is tagged,
//!   so that an older push leaves it alone, and once more afterwards: if the source has moved
//!   in between, a newer push may have been overtaken, so its image is indexed as well. Whoever
//!   tags last thus leaves the tag where it belongs.

use soci::oci::{ImageIndex, Manifest, annotation, media_type};
use soci::{Destination, Digest, Document, Error as SociError, RegistryImage, Report, Source};
use soci::{Version, inspect, is_current};

use super::Error;
use super::config::Config;
use super::progress::Progress;
use crate::event::PushEvent;

/// How often a tag may move while its image is indexed.
const MAX_MOVES: usize = 5;
/// Of an image without an index, as many layers are told why.
const MAX_REASONS: usize = 5;

/// How it ended.
pub(super) enum Outcome {
    /// The image has an index now.
    Indexed(Report),
    /// There was nothing to do, and why.
    Skipped(String),
}

/// Why there is nothing to do, if the event alone shows it.
pub(super) fn nothing_to_do(config: &Config, push: &PushEvent) -> Option<String> {
    let reason = config.scope.check(push).err()?;
    Some(format!("skipped {}: {reason}", push.image()))
}

/// What one invocation is about.
pub(super) struct Work<'a> {
    pub config: &'a Config,
    /// The pushed image, by its digest.
    pub image: RegistryImage,
    pub push: &'a PushEvent,
    /// The pushed manifest.
    pub digest: Digest,
    pub progress: &'a Progress,
}

/// The tag that is followed, and the one that is set (V2).
struct Tags<'a> {
    source: &'a str,
    output: String,
}

impl Work<'_> {
    pub(super) async fn run(&self) -> Result<Outcome, Error> {
        let Some(tags) = self.tags() else {
            return self.index(self.digest, None).await;
        };
        let mut digest = self.digest;
        if let Some(reason) = self.moved(&tags, digest).await? {
            return Ok(Outcome::Skipped(reason));
        }
        for _ in 0..MAX_MOVES {
            let outcome = self.index(digest, Some(&tags)).await?;
            let Outcome::Indexed(_) = &outcome else {
                return Ok(outcome);
            };
            match self.image.resolve(tags.source).await? {
                Some(now) if now.digest != digest => {
                    tracing::warn!(now = %now.digest, "the tag has moved meanwhile, going after it");
                    digest = now.digest;
                }
                _ => return Ok(outcome),
            }
        }
        Err(Error::Moving {
            tag: tags.source.to_owned(),
        })
    }

    fn tags(&self) -> Option<Tags<'_>> {
        let source = self.push.tag.as_deref()?;
        // Checked by the scope already: one that is too long never gets here.
        let output = self.config.scope.suffix.append(source)?;
        (self.config.options.version == Version::V2).then_some(Tags { source, output })
    }

    /// Why the output's tag is not this push's to set, if so.
    async fn moved(&self, tags: &Tags<'_>, digest: Digest) -> soci::Result<Option<String>> {
        let image = self.push.image();
        Ok(match self.image.resolve(tags.source).await? {
            Some(now) if now.digest == digest => None,
            Some(now) => Some(format!(
                "skipped {image} at {digest}: the tag has moved on to {}, and the newer push wins",
                now.digest
            )),
            None => Some(format!(
                "skipped {image} at {digest}: the tag does not exist any more"
            )),
        })
    }

    async fn index(&self, digest: Digest, tags: Option<&Tags<'_>>) -> Result<Outcome, Error> {
        let image = self.image.at(digest);
        let what = self.push.image();
        let skipped = |reason: String| Ok(Outcome::Skipped(format!("skipped {what}: {reason}")));
        match image.root().await {
            Ok(root) if carries_index(&root) => {
                return skipped("it is a SOCI-enabled image".to_owned());
            }
            Ok(_) => {}
            Err(error) if error.is_not_found() => {
                return skipped(format!("{digest} does not exist any more"));
            }
            Err(error) => return Err(error.into()),
        }
        if self.is_indexed(&image, tags).await? {
            return skipped("it is indexed already".to_owned());
        }
        let options = &self.config.options;
        let indexed = match soci::index(&image, &image, options, self.progress).await {
            Err(SociError::NotAnImage { found, .. }) => {
                return skipped(format!("not a container image, but {found}"));
            }
            indexed => indexed?,
        };
        let report = indexed.report();
        if report.is_empty() {
            self.warn_of_older_output(tags).await?;
            return skipped(format!("no layer was indexed: {}", reasons(report)));
        }
        let Some(tags) = tags else {
            indexed.publish(&image, None).await?;
            return Ok(Outcome::Indexed(report.clone()));
        };
        if let Some(reason) = self.moved(tags, digest).await? {
            return Ok(Outcome::Skipped(reason));
        }
        indexed.publish(&image, None).await?;
        let enabled = match report.digest {
            Some(digest) => image.document(digest).await?,
            None => return skipped("no layer was indexed".to_owned()),
        };
        // Immediately before, so that there is hardly a moment to be overtaken in.
        if let Some(reason) = self.moved(tags, digest).await? {
            return Ok(Outcome::Skipped(reason));
        }
        image.tag(&enabled, &tags.output).await?;
        Ok(Outcome::Indexed(report.clone()))
    }

    /// Whether all of it stands already, as far as it can be told without reading a layer.
    async fn is_indexed(
        &self,
        image: &RegistryImage,
        tags: Option<&Tags<'_>>,
    ) -> Result<bool, Error> {
        let looked = async {
            let found = match tags {
                None => inspect(image).await?,
                Some(tags) => match image.resolve(&tags.output).await? {
                    None => return Ok(false),
                    Some(output) => inspect(&image.at(output.digest)).await?,
                },
            };
            if found.platforms.iter().all(|p| p.indexes.is_empty()) {
                return Ok(false);
            }
            is_current(image, image, &found, &self.config.options).await
        };
        match looked.await {
            Ok(current) => Ok(current),
            // Whatever stands there is not what belongs there.
            Err(error) if error.is_not_found() || error.registry().is_none() => {
                tracing::debug!(%error, "what stands in place of the index");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// An image that gets no index does not take the tag of the one before, either.
    async fn warn_of_older_output(&self, tags: Option<&Tags<'_>>) -> Result<(), Error> {
        if let Some(tags) = tags
            && let Some(older) = self.image.resolve(&tags.output).await?
        {
            tracing::warn!(
                output = %older.digest,
                "the tag {:?} still names the SOCI-enabled image of an earlier push of {:?}",
                tags.output,
                tags.source
            );
        }
        Ok(())
    }
}

/// Whether a document is an image with SOCI indexes, or a manifest of one.
fn carries_index(root: &Document) -> bool {
    if let Ok(index) = serde_json::from_slice::<ImageIndex>(&root.bytes) {
        return index.manifests.iter().any(|entry| {
            entry.artifact_type.as_deref() == Some(media_type::SOCI_INDEX_V2)
                || entry
                    .annotations
                    .contains_key(annotation::IMAGE_MANIFEST_DIGEST)
        });
    }
    let manifest = serde_json::from_slice::<Manifest>(&root.bytes);
    manifest.is_ok_and(|manifest| manifest.annotations.contains_key(annotation::INDEX_DIGEST))
}

fn reasons(report: &Report) -> String {
    let skipped = report.indexes.iter().flat_map(|index| &index.skipped);
    let mut reasons: Vec<String> = skipped
        .map(|skipped| format!("{}: {}", skipped.layer, skipped.reason))
        .collect();
    let more = reasons.len().saturating_sub(MAX_REASONS);
    reasons.truncate(MAX_REASONS);
    if more > 0 {
        reasons.push(format!("and {more} more"));
    }
    reasons.join("; ")
}
