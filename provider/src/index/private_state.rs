//! Private state: the builds of a resource.
//!
//! The state shows what is in the registry. It follows a tag that was moved and loses an index that
//! was deleted elsewhere, so it shows neither what should be there nor what this resource may
//! remove.

use serde::{Deserialize, Serialize};
use soci::{Digest, ImageReference};
use tfplugin_sdk::{Context, Value};

use super::build::Build;
use super::remembered::Layers;
use crate::shared::Shared;
use crate::unique_name::unique_name;

/// The builds of a resource.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct PrivateState {
    /// The build that the state should show.
    pub current: Option<Build>,
    /// Other builds that may exist, latest last: earlier builds, which running containers may still
    /// pull, and leftovers of interrupted applies.
    pub others: Vec<Build>,
    /// Digest that the image's tag named at the last refresh or apply.
    #[serde(default)]
    pub seen: Option<Digest>,
    /// The layers of the last image that was indexed, and of failed attempts since then.
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

    /// Stores the private state with the call's result.
    pub(super) fn save(&self, cx: &Context<Shared>) {
        // Digests and numbers always serialize.
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

    /// Returns whether this resource published a manifest in the repository of an image.
    pub(super) fn has_published(&self, image: &ImageReference, manifest: Digest) -> bool {
        let mut builds = self.beside(image);
        builds.any(|build| build.manifests.contains(&manifest) && !build.is_found(manifest))
    }

    /// Remembers the layers of an image, which replace all others once it is `complete`.
    pub(super) fn remember(&mut self, layers: Layers, complete: bool) {
        if complete && !layers.is_empty() {
            self.layers = layers;
        } else {
            self.layers.extend(layers);
        }
    }

    /// Returns whether this resource gave a tag to one of its own builds in the repository of an
    /// image.
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

    /// Removes and returns the builds that no longer have to be kept: all except the current one
    /// and the last `limit` released ones.
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
