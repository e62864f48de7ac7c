//! Indexing of one image: checking whether there is anything to do, doing it, and keeping the
//! output's tag up to date.
//!
//! Events arrive twice, late and out of order, and two may be processed concurrently. Nothing
//! depends on their order:
//!
//! - Everything except the output's tag is addressed by content. Storing it again changes nothing.
//! - The output's tag follows the source's tag. The source is resolved before the output is tagged,
//!   so that an older push leaves the tag alone, and again afterwards: if the source has moved in
//!   between, a newer push may have been overtaken, so its image is indexed as well. Whichever
//!   invocation tags last leaves the tag where it belongs.
//!
//! A deployment of `<tag>-soci` must get the image of `<tag>`. If an image has no layer to index,
//! the output's tag therefore becomes an alias, naming the source image itself.

use soci::{Destination, Digest, Error as SociError, ImageSource, Knowledge, Manifest};
use soci::{RegistryImage, Report};
use soci::{Version, inspect, is_fresh};

use super::config::Config;
use super::error::{Error, Outdated};
use super::progress::LayerProgress;
use crate::event::PushEvent;
use crate::output_mark;

/// Maximum number of times that a tag may move while its image is being indexed.
const MAX_MOVES: usize = 5;
/// Maximum number of skipped layers whose reasons are included in a message.
const MAX_REASONS: usize = 5;

/// The outcome of a job that did not fail.
pub(super) enum Outcome {
    /// The image now has an index.
    Indexed(Report),
    /// The image has no layer to index, for the given reason. The output's tag names the image
    /// itself.
    Aliased(String, Found),
    /// There was nothing to do, for the given reason. The second value is `None` if the image is
    /// left to another invocation, or is not an image.
    Skipped(String, Option<Found>),
    /// The output of a deleted image was removed, as described.
    Removed(String),
    /// The time ran out, and another invocation continues, as described.
    Continued(String),
}

/// An image for which nothing had to be built.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub image: Digest,
    /// Digest to deploy: that of the SOCI-enabled image, or of the image itself.
    pub deploy: Digest,
    pub is_indexed: bool,
}

/// The work for one event.
pub(super) struct IndexJob<'a> {
    pub config: &'a Config,
    /// The pushed image, by its digest.
    pub image: RegistryImage,
    pub push: &'a PushEvent,
    /// Digest of the pushed manifest.
    pub digest: Digest,
    pub known: &'a dyn Knowledge,
    pub progress: &'a LayerProgress,
}

/// The tag that is followed, and the one that is set (V2).
struct Tags<'a> {
    source: &'a str,
    output: String,
}

/// Condition under which an image without its own index gets an alias.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alias {
    /// Always: it is an image that may be deployed.
    Always,
    /// If the output's tag already exists and would otherwise name an earlier image.
    IfOutdated,
}

impl IndexJob<'_> {
    pub(super) async fn run(&self) -> Result<Outcome, Error> {
        let Some(tags) = self.tags() else {
            return self.index(self.digest, None).await;
        };
        let mut digest = self.digest;
        if let Some(reason) = self.overtaken(&tags, digest).await? {
            return Ok(Outcome::Skipped(reason, None));
        }
        for _ in 0..MAX_MOVES {
            let outcome = self.index(digest, Some(&tags)).await?;
            if matches!(outcome, Outcome::Skipped(..)) {
                return Ok(outcome);
            }
            match self.image.resolve(tags.source).await? {
                Some(now) if now.digest != digest => {
                    tracing::warn!(now = %now.digest, "the tag has moved: indexing its new image");
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
        // The scope has already excluded tags that are too long.
        let output = self.config.scope.suffix.append(source)?;
        (self.config.options.version == Version::V2).then_some(Tags { source, output })
    }

    /// Returns why the output's tag is not for this push to set, if so.
    async fn overtaken(&self, tags: &Tags<'_>, digest: Digest) -> soci::Result<Option<String>> {
        let image = self.push.image();
        Ok(match self.image.resolve(tags.source).await? {
            Some(now) if now.digest == digest => None,
            Some(now) => Some(format!(
                "skipped {image} at {digest}: the tag has moved on to {}, and the newer push wins",
                now.digest
            )),
            None => Some(format!(
                "skipped {image} at {digest}: the tag no longer exists"
            )),
        })
    }

    async fn index(&self, digest: Digest, tags: Option<&Tags<'_>>) -> Result<Outcome, Error> {
        let image = self.image.at(digest);
        let root = match image.root().await {
            Ok(root) => root,
            Err(error) if error.is_not_found() => {
                return Ok(self.skipped(&format!("{digest} no longer exists"), None));
            }
            Err(error) => return Err(error.into()),
        };
        if root.is_soci_enabled() {
            let reason = "it is a SOCI-enabled image";
            return self
                .finish_without(&root, tags, reason, Alias::IfOutdated)
                .await;
        }
        if let Some(deploy) = self.indexed(&image, digest, tags).await? {
            let found = Found {
                image: digest,
                deploy,
                is_indexed: true,
            };
            return Ok(self.skipped("it is indexed already", Some(found)));
        }
        let options = &self.config.options;
        let indexed = match soci::index(&image, &image, options, self.known, self.progress).await {
            Err(SociError::NotAnImage { found, .. }) => {
                let reason = format!("not a container image, but {found}");
                return self
                    .finish_without(&root, tags, &reason, Alias::IfOutdated)
                    .await;
            }
            // Deployed as it is, it runs.
            Err(error @ SociError::NoPlatform { .. }) => {
                let reason = error.to_string();
                return self
                    .finish_without(&root, tags, &reason, Alias::Always)
                    .await;
            }
            indexed => indexed?,
        };
        let report = indexed.report();
        for left_out in &report.left_out {
            let (manifest, reason) = (left_out.manifest, &left_out.reason);
            tracing::warn!(%manifest, platform = left_out.platform, %reason, "not indexed");
        }
        for platform in &report.missing_platforms {
            tracing::info!(platform, "the image lacks a platform that is to be indexed");
        }
        if report.is_empty() {
            let reason = match report.indexes.is_empty() {
                true => format!("it has none of {}", report.missing_platforms.join(", ")),
                false => format!("no layer was indexed: {}", reasons(report)),
            };
            return self
                .finish_without(&root, tags, &reason, Alias::Always)
                .await;
        }
        let (Some(tags), Some(enabled)) = (tags, report.digest) else {
            indexed.publish(&image, None).await?;
            return Ok(Outcome::Indexed(report.clone()));
        };
        if let Some(reason) = self.overtaken(tags, digest).await? {
            return Ok(Outcome::Skipped(reason, None));
        }
        indexed.publish(&image, None).await?;
        let enabled = image.pull_manifest(enabled).await?;
        if self.config.delete_with_source {
            // Mark before tagging, so that a tagged output can always be recognized, even after an
            // interruption.
            self.mark(&enabled, &tags.output).await?;
        }
        // Checked immediately before tagging, to keep the window for a race short.
        if let Some(reason) = self.overtaken(tags, digest).await? {
            return Ok(Outcome::Skipped(reason, None));
        }
        self.tag(&enabled, &tags.output).await?;
        Ok(Outcome::Indexed(report.clone()))
    }

    /// Returns what to deploy if the complete index already exists, as far as that can be
    /// determined without reading a layer.
    async fn indexed(
        &self,
        image: &RegistryImage,
        digest: Digest,
        tags: Option<&Tags<'_>>,
    ) -> Result<Option<Digest>, Error> {
        let fresh = async {
            let (found, deploy) = match tags {
                None => (inspect(image).await?, digest),
                Some(tags) => match image.resolve(&tags.output).await? {
                    None => return Ok(None),
                    Some(output) => (inspect(&image.at(output.digest)).await?, output.digest),
                },
            };
            if found.platforms.iter().all(|p| p.indexes.is_empty()) {
                return Ok(None);
            }
            let fresh = is_fresh(image, image, &found, &self.config.options, self.known).await?;
            Ok::<_, SociError>(fresh.then_some(deploy))
        };
        match fresh.await {
            Ok(fresh) => Ok(fresh),
            // Whatever is there, it is not an index of this image.
            Err(error) if error.is_not_found() || error.registry().is_none() => {
                tracing::debug!(%error, "no index in place of the output");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the job for an image without its own index. The output's tag (V2) is set to name the
    /// image itself, unless it already does.
    async fn finish_without(
        &self,
        root: &Manifest,
        tags: Option<&Tags<'_>>,
        reason: &str,
        alias: Alias,
    ) -> Result<Outcome, Error> {
        let digest = root.descriptor.digest;
        let itself = Found {
            image: digest,
            deploy: digest,
            is_indexed: false,
        };
        let skipped = || {
            let image = Some(itself).filter(|_| alias == Alias::Always);
            Ok(self.skipped(reason, image))
        };
        let Some(tags) = tags else {
            return skipped();
        };
        let found = match self.image.resolve(&tags.output).await? {
            Some(found) if found.digest == digest => return skipped(),
            None if alias == Alias::IfOutdated || !self.config.tag_unindexed => return skipped(),
            found => found,
        };
        if let Some(reason) = self.overtaken(tags, digest).await? {
            return Ok(Outcome::Skipped(reason, None));
        }
        if let Some(found) = found.filter(|_| !self.config.tag_unindexed) {
            if self.is_made_of(found.digest, digest).await? {
                return skipped();
            }
            return Err(Error::Outdated(Box::new(Outdated {
                tag: tags.output.clone(),
                source_tag: tags.source.to_owned(),
                got: found.digest,
                digest,
                reason: reason.to_owned(),
            })));
        }
        self.tag(root, &tags.output).await?;
        let tagged = format!(
            "tagged {} itself as {:?}: {reason}",
            self.push.image(),
            tags.output
        );
        Ok(Outcome::Aliased(tagged, itself))
    }

    /// Returns whether an image has the same layers as another on every platform. An output that
    /// was built with other options is not outdated.
    async fn is_made_of(&self, output: Digest, source: Digest) -> Result<bool, Error> {
        let image = async |digest| match inspect(&self.image.at(digest)).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() || error.registry().is_none() => Ok(None),
            Err(error) => Err(error),
        };
        let (output, source) = (image(output).await?, image(source).await?);
        let both = output.zip(source);
        Ok(both.is_some_and(|(output, source)| output.has_layers_of(&source)))
    }

    /// Marks an output as the index generator's own.
    async fn mark(&self, enabled: &Manifest, tag: &str) -> Result<(), Error> {
        let mark = output_mark::of(self.push, &enabled.bytes, tag)?;
        Ok(self.image.push_mark(&mark).await?)
    }

    /// Sets the output's tag.
    async fn tag(&self, manifest: &Manifest, tag: &str) -> Result<(), Error> {
        let Err(error) = self.image.tag(manifest, tag).await else {
            return Ok(());
        };
        if !error.is_immutable_tag() {
            return Err(error.into());
        }
        let want = manifest.descriptor.digest;
        match self.image.resolve(tag).await? {
            Some(found) => Err(Error::Immutable {
                tag: tag.to_owned(),
                suffix: self.config.scope.suffix.to_string(),
                got: found.digest,
                want,
            }),
            None => Err(error.into()),
        }
    }

    fn skipped(&self, reason: &str, found: Option<Found>) -> Outcome {
        Outcome::Skipped(format!("skipped {}: {reason}", self.push.image()), found)
    }
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
