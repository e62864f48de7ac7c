//! Private state: the data that a builder stores in addition to its attributes.

use serde::{Deserialize, Serialize};
use tfplugin_sdk::Context;

use super::owner::Owner;
use crate::shared::Shared;

/// Content of the private state.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PrivateState {
    /// A sweep for existing images that has not been started yet.
    #[serde(default)]
    pub existing: Option<Requested>,
    /// The owner of this resource's parts; `None` until a refresh finds it.
    #[serde(default)]
    pub owner: Option<Owner>,
}

/// A request that an apply still has to make. States from versions that also stored their progress
/// can be read as well.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Requested {}

impl PrivateState {
    pub(super) fn load(cx: &Context<Shared>) -> Self {
        serde_json::from_slice(&cx.private()).unwrap_or_default()
    }

    pub(super) fn save(&self, cx: &Context<Shared>) {
        // Strings always serialize.
        cx.set_private(serde_json::to_vec(self).unwrap_or_default());
    }

    /// Changes the private state of the call's resource.
    pub(super) fn update(cx: &Context<Shared>, change: impl FnOnce(&mut Self)) {
        let mut state = Self::load(cx);
        change(&mut state);
        state.save(cx);
    }
}
