//! What a resource remembers beside its state: what it published.
//!
//! The state shows what is there. It follows a tag that somebody moved, and it loses an index
//! that somebody deleted; so it can tell neither what should be there nor what is ours to
//! remove.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use soci::{Digest, Indexed, RegistryImage, Report};
use tfplugin_sdk::{Context, Value};

use crate::provider::Shared;

/// One build of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Build {
    /// The SOCI-enabled image (V2), or the first index (V1); nothing if no layer was indexed.
    pub digest: Option<Digest>,
    /// The image that was indexed.
    pub source: Digest,
    /// The SOCI indexes, each with the image manifest it belongs to.
    pub indexes: Vec<(Digest, Digest)>,
    /// Everything that was published.
    pub documents: Vec<Digest>,
    /// It was there already, and so is not ours to remove.
    pub adopted: bool,
    /// The tags that it was given here.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How it was built; empty for one that was imported.
    #[serde(default)]
    pub recipe: String,
}

impl Build {
    pub(super) fn of(indexed: &Indexed, recipe: String) -> Self {
        let report = indexed.report();
        let indexes = report.indexes.iter();
        let indexes = indexes.filter_map(|line| Some((line.digest?, line.manifest)));
        Self {
            digest: digest(report),
            source: report.source.digest,
            indexes: indexes.collect(),
            documents: indexed.manifests(),
            adopted: false,
            tags: Vec::new(),
            recipe,
        }
    }

    /// What a state says is there, for one that was imported.
    pub(super) fn imported(state: &Value) -> Option<Self> {
        let digest = |value: &Value, name| value.get(name).as_str()?.parse::<Digest>().ok();
        let lines = state.get("indexes").as_list().unwrap_or_default();
        let indexes: Vec<(Digest, Digest)> = lines
            .iter()
            .filter_map(|line| Some((digest(line, "digest")?, digest(line, "manifest_digest")?)))
            .collect();
        let built = digest(state, "digest");
        Some(Self {
            digest: built,
            // A stale index was built from an image that nothing names any more.
            source: digest(state, "source_digest").or(built)?,
            documents: indexes
                .iter()
                .map(|(index, _)| *index)
                .chain(built)
                .collect(),
            indexes,
            adopted: false,
            tags: state
                .get("tag")
                .as_str()
                .map(str::to_owned)
                .into_iter()
                .collect(),
            recipe: String::new(),
        })
    }

    /// Whether the state shows just this build.
    pub(super) fn is_shown(&self, state: &Value) -> bool {
        let digest = |value: &Value| value.get("digest").as_str().map(str::to_owned);
        let lines = state.get("indexes").as_list().unwrap_or_default();
        let shown = lines.iter().filter_map(digest);
        let built = self.indexes.iter().map(|(index, _)| index.to_string());
        digest(state) == self.digest.map(|digest| digest.to_string()) && shown.eq(built)
    }

    /// Whether any of it is still there.
    pub(super) async fn stands(&self, image: &RegistryImage) -> soci::Result<bool> {
        for document in &self.documents {
            if *document != self.source && image.resolve(document).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The digest by which a report's index is known.
pub(super) fn digest(report: &Report) -> Option<Digest> {
    let mut indexes = report.indexes.iter().filter_map(|line| line.digest);
    report.digest.or_else(|| indexes.next())
}

/// The builds of one resource.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// The one that the state should show.
    pub current: Option<Build>,
    /// Others that may stand: the one before, which things that run may still be pulling, and
    /// what an interrupted apply left.
    pub others: Vec<Build>,
    /// What the image's tag named when the state was last read or made.
    #[serde(default)]
    pub seen: Option<Digest>,
    /// Tells the resource from others in this process.
    #[serde(default)]
    pub resource: String,
}

/// A name that no other resource has.
fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = now.map_or(0, |now| now.as_nanos());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{nanoseconds:x}-{:x}-{count:x}", std::process::id())
}

impl Record {
    /// Of a resource that is about to be made.
    pub(super) fn new() -> Self {
        Self {
            resource: unique_name(),
            ..Self::default()
        }
    }

    pub(super) fn load(cx: &Context<Shared>) -> Self {
        serde_json::from_slice(&cx.private()).unwrap_or_default()
    }

    pub(super) fn save(&self, cx: &Context<Shared>) {
        // Digests and numbers always serialise.
        cx.set_private(serde_json::to_vec(self).unwrap_or_default());
    }

    /// A build that this resource made before with the same result.
    pub(super) fn find(&self, digest: Option<Digest>) -> Option<&Build> {
        let mut builds = self.current.iter().chain(&self.others);
        builds.find(|build| build.digest == digest)
    }

    /// Makes a build the current one, and the one before it one of the others.
    pub(super) fn advance(&mut self, build: Build) {
        self.others.retain(|other| other.digest != build.digest);
        if let Some(before) = self.current.replace(build)
            && self
                .current
                .as_ref()
                .is_some_and(|now| now.digest != before.digest)
        {
            self.others.push(before);
        }
    }
}
