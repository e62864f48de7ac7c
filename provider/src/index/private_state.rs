//! Private state: the builds of a resource.
//!
//! The state shows what the registry has. It follows a tag that somebody moved and loses an index
//! that somebody deleted, so it cannot tell what should be there, nor what this resource may
//! remove.

use serde::{Deserialize, Serialize};
use soci::Digest;
use tfplugin_sdk::Context;

use super::build::Build;
use super::remembered::Layers;
use crate::shared::Shared;
use crate::unique_name::unique_name;

/// The builds of one resource.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct PrivateState {
    /// The build that the state should show.
    pub current: Option<Build>,
    /// Other builds that may exist: the previous one, which running containers may still pull,
    /// and leftovers of interrupted applies.
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

    /// Loads the private state of the call's resource.
    pub(super) fn load(cx: &Context<Shared>) -> Self {
        serde_json::from_slice(&cx.private()).unwrap_or_default()
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

    /// Returns the build with this digest.
    pub(super) fn find(&self, digest: Option<Digest>) -> Option<&Build> {
        self.builds().find(|build| build.digest == digest)
    }

    /// Whether this resource published a manifest.
    pub(super) fn has_published(&self, manifest: Digest) -> bool {
        let mut builds = self.builds();
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

    /// Whether this resource gave a build of its own a tag.
    pub(super) fn has_tagged(&self, tag: &str) -> bool {
        self.builds()
            .any(|build| build.tags.iter().any(|its| its == tag))
    }

    /// Makes a build the current one and keeps the previous one among the others.
    pub(super) fn advance(&mut self, build: Build) {
        let digest = build.digest;
        self.others.retain(|other| other.digest != digest);
        let previous = self.current.replace(build);
        self.others
            .extend(previous.filter(|previous| previous.digest != digest));
    }
}
