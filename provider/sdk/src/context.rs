//! What every call gets beside its values.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::value::Value;

/// What a call leaves behind, also when it panics.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) warnings: Diagnostics,
    pub(crate) private: Vec<u8>,
    pub(crate) checkpoint: Option<Value>,
}

/// One call: the provider's data, whether it should stop, and what it wants to
/// be remembered beside its result.
#[derive(Debug)]
pub struct Context<D> {
    data: Arc<D>,
    token: CancellationToken,
    trace: Arc<Mutex<Trace>>,
}

impl<D> Context<D> {
    pub(crate) fn new(data: Arc<D>, token: CancellationToken, private: Vec<u8>) -> Self {
        let trace = Trace {
            private,
            ..Trace::default()
        };
        Self {
            data,
            token,
            trace: Arc::new(Mutex::new(trace)),
        }
    }

    /// A second hold on what the call leaves behind.
    pub(crate) fn trace(&self) -> Arc<Mutex<Trace>> {
        Arc::clone(&self.trace)
    }

    fn lock(&self) -> MutexGuard<'_, Trace> {
        // Each change is whole in itself, so a panic in between spoils nothing.
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What [`Provider::configure`](crate::Provider::configure) returned.
    #[must_use]
    pub fn data(&self) -> &D {
        &self.data
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared(&self) -> Arc<D> {
        Arc::clone(&self.data)
    }

    /// Completes when the call should stop: the person pressed Ctrl-C, or
    /// Terraform has gone. The call should return soon, with the state of what
    /// exists and an error.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Whether the call should stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// The token behind the two above, for work in other tasks.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Reports something beside the result.
    pub fn warn(&self, diagnostic: Diagnostic) {
        self.lock().warnings.push(diagnostic);
    }

    /// The provider's own bytes, stored beside the state and shown to nobody.
    #[must_use]
    pub fn private(&self) -> Vec<u8> {
        self.lock().private.clone()
    }

    /// Replaces them. A create, update or delete that fails later on stores
    /// them too, beside the state that it leaves.
    pub fn set_private(&self, bytes: impl Into<Vec<u8>>) {
        self.lock().private = bytes.into();
    }

    /// Remembers the state of what exists by now. Terraform gets it when the
    /// create or update then fails without giving a state, or panics.
    pub fn checkpoint(&self, state: &Value) {
        self.lock().checkpoint = Some(state.clone());
    }
}
