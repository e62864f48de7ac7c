//! The context of a call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::value::Value;

/// Effects of a call other than its result. They survive a panic.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) warnings: Diagnostics,
    pub(crate) private: Vec<u8>,
    pub(crate) checkpoint: Option<Value>,
}

/// A second handle on the [`Effects`] of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct EffectsHandle(Arc<Mutex<Effects>>);

impl EffectsHandle {
    fn lock(&self) -> MutexGuard<'_, Effects> {
        // Each change is complete in itself, so a panic in between corrupts
        // nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the effects once the call has ended.
    pub(crate) fn take(&self) -> Effects {
        std::mem::take(&mut self.lock())
    }
}

/// Context of a call: the provider's data, cancellation, and the effects of the
/// call other than its result.
#[derive(Debug)]
pub struct Context<D> {
    data: Arc<D>,
    token: CancellationToken,
    effects: EffectsHandle,
}

impl<D> Context<D> {
    pub(crate) fn new(data: Arc<D>, token: CancellationToken, private: Vec<u8>) -> Self {
        let effects = EffectsHandle::default();
        effects.lock().private = private;
        Self {
            data,
            token,
            effects,
        }
    }

    pub(crate) fn effects(&self) -> EffectsHandle {
        self.effects.clone()
    }

    /// Returns the result of [`Provider::configure`](crate::Provider::configure).
    #[must_use]
    pub fn data(&self) -> &D {
        &self.data
    }

    /// Returns a handle on [`data`](Self::data) that outlives the call.
    #[must_use]
    pub fn shared(&self) -> Arc<D> {
        Arc::clone(&self.data)
    }

    /// Completes when the call should stop, because of Ctrl-C or because
    /// Terraform has disconnected. The call should then return soon, with an
    /// error and the state of what exists.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Returns whether the call should stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns the token behind [`cancelled`](Self::cancelled), for use in
    /// other tasks.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Reports a warning in addition to the result.
    pub fn warn(&self, diagnostic: Diagnostic) {
        self.effects.lock().warnings.push(diagnostic);
    }

    /// Returns the private state: provider-defined bytes that Terraform stores
    /// with the resource and never displays.
    #[must_use]
    pub fn private(&self) -> Vec<u8> {
        self.effects.lock().private.clone()
    }

    /// Replaces the private state. It is stored even if the create, update or
    /// delete fails later.
    pub fn set_private(&self, bytes: impl Into<Vec<u8>>) {
        self.effects.lock().private = bytes.into();
    }

    /// Records the state of what exists so far. It is stored if the create or
    /// update then panics, or fails without a state.
    pub fn checkpoint(&self, state: &Value) {
        self.effects.lock().checkpoint = Some(state.clone());
    }
}
