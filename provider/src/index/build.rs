//! One build of an index, as a resource remembers it.

use serde::{Deserialize, Serialize};
use soci::{Digest, Indexed, RegistryImage, Report};
use tfplugin_sdk::Value;

use crate::claims::Claim;

/// One build of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Build {
    /// The SOCI-enabled image (V2) or the first index (V1); none if no layer was indexed.
    pub digest: Option<Digest>,
    /// The image that was indexed.
    pub source: Digest,
    /// The SOCI indexes, each with the image manifest it belongs to.
    pub indexes: Vec<(Digest, Digest)>,
    /// All manifests that were published.
    #[serde(rename = "documents")]
    pub manifests: Vec<Digest>,
    /// Whether it existed before, and so is not this resource's to remove.
    pub adopted: bool,
    /// The tags that this resource gave it.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The options it was built with; empty for one that was imported.
    #[serde(default)]
    pub recipe: String,
}

impl Build {
    /// Describes what was just built.
    pub(super) fn new(indexed: &Indexed, recipe: String) -> Self {
        let report = indexed.report();
        let indexes = report.indexes.iter();
        let indexes = indexes.filter_map(|index| Some((index.digest?, index.manifest)));
        Self {
            digest: digest(report),
            source: report.source.digest,
            indexes: indexes.collect(),
            manifests: indexed.documents(),
            adopted: false,
            tags: Vec::new(),
            recipe,
        }
    }

    /// Describes what the state of an imported resource shows.
    pub(super) fn imported(state: &Value) -> Option<Self> {
        let digest = |value: &Value, name| value.get(name).as_str()?.parse::<Digest>().ok();
        let entries = state.get("indexes").as_list().unwrap_or_default();
        let indexes: Vec<(Digest, Digest)> = entries
            .iter()
            .filter_map(|entry| Some((digest(entry, "digest")?, digest(entry, "manifest_digest")?)))
            .collect();
        let root = digest(state, "digest");
        let manifests = indexes.iter().map(|(index, _)| *index);
        let tag = state.get("tag").as_str().map(str::to_owned);
        Some(Self {
            digest: root,
            // A stale index was built from an image that nothing names any more.
            source: digest(state, "source_digest").or(root)?,
            manifests: manifests.chain(root).collect(),
            indexes,
            adopted: false,
            tags: tag.into_iter().collect(),
            recipe: String::new(),
        })
    }

    /// Returns what a resource relies on while this is its build.
    pub(super) fn claim(&self, tag: Option<&String>) -> Claim {
        Claim {
            manifests: self.manifests.iter().copied().collect(),
            tags: tag.into_iter().cloned().collect(),
        }
    }

    /// Whether the state shows exactly this build.
    pub(super) fn is_in(&self, state: &Value) -> bool {
        let digest = |value: &Value| value.get("digest").as_str().map(str::to_owned);
        let entries = state.get("indexes").as_list().unwrap_or_default();
        let shown = entries.iter().filter_map(digest);
        let built = self.indexes.iter().map(|(index, _)| index.to_string());
        digest(state) == self.digest.map(|digest| digest.to_string()) && shown.eq(built)
    }

    /// Whether all manifests of the build exist.
    pub(super) async fn is_whole(&self, image: &RegistryImage) -> soci::Result<bool> {
        for manifest in &self.manifests {
            if image.resolve(manifest).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(!self.manifests.is_empty())
    }

    /// Whether any manifest of the build exists.
    pub(super) async fn exists(&self, image: &RegistryImage) -> soci::Result<bool> {
        for manifest in &self.manifests {
            if *manifest != self.source && image.resolve(manifest).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Returns the digest that a report's index is known by.
fn digest(report: &Report) -> Option<Digest> {
    let mut indexes = report.indexes.iter().filter_map(|index| index.digest);
    report.digest.or_else(|| indexes.next())
}
