//! Private state: the builds of a resource.
//!
//! The state shows what the registry has. It follows a tag that somebody moved and loses an index
//! that somebody deleted, so it cannot tell what should be there, nor what this resource may
//! remove.

use serde::{Deserialize, Serialize};
use soci::{Digest, ImageReference};
use tfplugin_sdk::{Context, Value};

use super::build::Build;
use super::remembered::Layers;
use crate::shared::Shared;
use crate::unique_name::unique_name;

/// The builds of one resource.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct PrivateState {
    /// The build that the state should show.
    pub current: Option<Build>,
    /// Other builds that may exist, the latest last: earlier ones, which running containers may
    /// still pull, and leftovers of interrupted applies.
    pub others: Vec<Build>,
    /// Digest that the image's tag named at the last refresh or apply.
    #[serde(default)]
    pub seen: Option<Digest>,
    /// The layers of the last image that was indexed, and those of attempts that failed since.
    #[serde(default, skip_serializing_if = "Layers::is_empty")]
    pub layers: Layers,
    /// Unique name of the resource.
    #[serde(default)]
    pub resource: String,
}

impl PrivateState {
    /// Returns the private state of a resource that is about to be created.
    pub(super) fn new() -> Self {
        Self {
            resource: unique_name(),
            ..Self::default()
        }
    }

    /// Loads the private state of the call's resource, which has this prior state.
    pub(super) fn load(cx: &Context<Shared>, prior: &Value) -> Self {
        let mut private: Self = serde_json::from_slice(&cx.private()).unwrap_or_default();
        for build in private.current.iter_mut().chain(&mut private.others) {
            build.complete(prior);
        }
        private
    }

    /// Stores the private state beside the call's result.
    pub(super) fn save(&self, cx: &Context<Shared>) {
        // Digests and numbers always serialise.
        cx.set_private(serde_json::to_vec(self).unwrap_or_default());
    }

    /// Returns all builds, the current one first.
    pub(super) fn builds(&self) -> impl Iterator<Item = &Build> {
        self.current.iter().chain(&self.others)
    }

    /// Returns the builds in the repository of an image, the current one first.
    pub(super) fn beside(&self, image: &ImageReference) -> impl Iterator<Item = &Build> {
        self.builds().filter(|build| build.is_beside(image))
    }

    /// Whether this resource published a manifest in the repository of an image.
    pub(super) fn has_published(&self, image: &ImageReference, manifest: Digest) -> bool {
        let mut builds = self.beside(image);
        builds.any(|build| build.manifests.contains(&manifest) && !build.is_found(manifest))
    }

    /// Remembers the layers of an image; in place of others once it is `complete`.
    pub(super) fn remember(&mut self, layers: Layers, complete: bool) {
        if complete && !layers.is_empty() {
            self.layers = layers;
        } else {
            self.layers.extend(layers);
        }
    }

    /// Whether this resource gave a build of its own, in the repository of an image, a tag.
    pub(super) fn has_tagged(&self, image: &ImageReference, tag: &str) -> bool {
        self.beside(image)
            .any(|build| build.tags.iter().any(|its| its == tag))
    }

    /// Makes a build the current one and keeps the previous one among the others.
    pub(super) fn advance(&mut self, mut build: Build) {
        build.released = true;
        let is_other = |other: &Build| !other.is_same(&build);
        self.others.retain(is_other);
        let previous = self.current.take().filter(is_other);
        self.others.extend(previous.map(|previous| Build {
            released: true,
            ..previous
        }));
        self.current = Some(build);
    }

    /// Takes out the builds that no longer have to be kept: all but the current one and the last
    /// `limit` that were released.
    pub(super) fn take_superseded(&mut self, limit: usize) -> Vec<Build> {
        let released = self.others.iter().filter(|build| build.released).count();
        let mut surplus = released.saturating_sub(limit);
        let (goes, stays) = std::mem::take(&mut self.others)
            .into_iter()
            .partition(|build| {
                let goes = !build.released || surplus > 0;
                surplus -= usize::from(goes && build.released);
                goes
            });
        self.others = stays;
        goes
    }
}
