//! One build of an index, as a resource remembers it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use soci::{Digest, ImageReference, Indexed, RegistryImage, Report, Version};
use tfplugin_sdk::Value;

use super::settings::{self, Settings};

/// A build of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Build {
    /// The image as configured. Empty until [`Build::complete`] in states from before the argument
    /// `image` could change in place.
    #[serde(default)]
    pub image: String,
    /// Version of the index. Empty in the same states.
    #[serde(default)]
    pub version: String,
    /// Whether it was the current build, so that it may be running.
    #[serde(default)]
    pub released: bool,
    /// The SOCI-enabled image (V2) or the first index (V1); `None` if no layer was indexed.
    pub digest: Option<Digest>,
    /// The image that was indexed.
    pub source: Digest,
    /// The SOCI indexes, each with the image manifest it belongs to.
    pub indexes: Vec<(Digest, Digest)>,
    /// All manifests that were published.
    #[serde(rename = "documents")]
    pub manifests: Vec<Digest>,
    /// Whether it existed before and is therefore not this resource's to remove.
    pub adopted: bool,
    /// The manifests that existed before; all of them if it was adopted.
    #[serde(default)]
    pub found: BTreeSet<Digest>,
    /// The tags that this resource gave it.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The options it was built with; empty if it was imported.
    #[serde(default)]
    pub recipe: String,
}

impl Build {
    /// Describes a new build.
    pub(super) fn new(indexed: &Indexed, settings: &Settings) -> Self {
        let report = indexed.report();
        let indexes = report.indexes.iter();
        let indexes = indexes.filter_map(|index| Some((index.digest?, index.manifest)));
        Self {
            image: settings.image.to_string(),
            version: settings.version.name().to_owned(),
            released: false,
            digest: digest(report),
            source: report.source.digest,
            indexes: indexes.collect(),
            manifests: indexed.manifests(),
            adopted: false,
            found: BTreeSet::new(),
            tags: Vec::new(),
            recipe: settings.recipe(),
        }
    }

    /// Describes a build based on the state of an imported resource.
    pub(super) fn imported(state: &Value) -> Option<Self> {
        let digest = |value: &Value, name| value.get(name).as_str()?.parse::<Digest>().ok();
        let entries = state.get("indexes").as_list().unwrap_or_default();
        let indexes: Vec<(Digest, Digest)> = entries
            .iter()
            .filter_map(|entry| Some((digest(entry, "digest")?, digest(entry, "manifest_digest")?)))
            .collect();
        let root = digest(state, "digest");
        let manifests = indexes.iter().map(|(index, _)| *index);
        let text = |name| state.get(name).as_str().map(str::to_owned);
        let tag = text("tag");
        Some(Self {
            image: text("image")?,
            version: text("index_version").unwrap_or_default(),
            released: true,
            digest: root,
            // A stale index was built from an image that no longer has a name.
            source: digest(state, "source_digest").or(root)?,
            manifests: manifests.chain(root).collect(),
            indexes,
            adopted: false,
            found: BTreeSet::new(),
            tags: tag.into_iter().collect(),
            recipe: String::new(),
        })
    }

    /// Sets the image and version from the prior state in a build that lacks them.
    pub(super) fn complete(&mut self, prior: &Value) {
        for (part, name) in [
            (&mut self.image, "image"),
            (&mut self.version, "index_version"),
        ] {
            if part.is_empty() {
                prior
                    .get(name)
                    .as_str()
                    .unwrap_or_default()
                    .clone_into(part);
            }
        }
    }

    /// Returns the version of the index.
    pub(super) fn version(&self) -> Version {
        settings::version(Some(&self.version))
    }

    /// Returns the reference of the image that it was built for.
    pub(super) fn reference(&self) -> Option<ImageReference> {
        self.image.parse().ok()
    }

    /// Returns whether it is in the repository of an image.
    pub(super) fn is_beside(&self, image: &ImageReference) -> bool {
        self.reference()
            .is_some_and(|own| own.name() == image.name())
    }

    /// Returns whether it is the same index in the same repository.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let place = |build: &Self| build.reference().map(|image| image.name());
        self.digest == other.digest
            && self.version() == other.version()
            && place(self) == place(other)
    }

    /// Returns whether a manifest existed before this resource would have published it.
    pub(super) fn is_found(&self, manifest: Digest) -> bool {
        self.adopted || self.found.contains(&manifest)
    }

    /// Returns the manifests that the resource has to claim: those that it found and that nothing
    /// else ties to it. Other resources can see that content reachable from one of its tags is in
    /// use.
    pub(super) fn claimable(&self, settings: &Settings) -> Vec<Digest> {
        let root = self.digest.filter(|_| self.version() == Version::V2);
        match root {
            Some(root) if self.is_found(root) => vec![root],
            Some(_) if settings.tag.is_some() => Vec::new(),
            _ => {
                let found = self.manifests.iter().copied();
                found.filter(|digest| self.is_found(*digest)).collect()
            }
        }
    }

    /// Returns whether the state shows exactly this build.
    pub(super) fn is_in(&self, state: &Value) -> bool {
        let digest = |value: &Value| value.get("digest").as_str().map(str::to_owned);
        let entries = state.get("indexes").as_list().unwrap_or_default();
        let shown = entries.iter().filter_map(digest);
        let built = self.indexes.iter().map(|(index, _)| index.to_string());
        digest(state) == self.digest.map(|digest| digest.to_string()) && shown.eq(built)
    }

    /// Returns whether all manifests of the build exist.
    pub(super) async fn is_whole(&self, image: &RegistryImage) -> soci::Result<bool> {
        for manifest in &self.manifests {
            if image.resolve(manifest).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(!self.manifests.is_empty())
    }

    /// Returns whether any manifest of the build exists.
    pub(super) async fn exists(&self, image: &RegistryImage) -> soci::Result<bool> {
        for manifest in &self.manifests {
            if *manifest != self.source && image.resolve(manifest).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Returns the digest that identifies the index of a report.
fn digest(report: &Report) -> Option<Digest> {
    let mut indexes = report.indexes.iter().filter_map(|index| index.digest);
    report.digest.or_else(|| indexes.next())
}
