//! Execution of provider code so that it can neither crash the process nor be
//! aborted halfway.

use std::any::Any;
use std::sync::PoisonError;

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Server;
use crate::diagnostic::Diagnostic;
use crate::panic;
use crate::provider::Provider;

impl<P: Provider> Server<P> {
    /// Returns a token for a call.
    pub(super) fn token(&self) -> CancellationToken {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.child_token()
    }

    /// Runs `work`, which watches `token`, to completion.
    ///
    /// When the caller disconnects, this future is dropped: the token is
    /// cancelled, and the work finishes on its own.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        rpc: &'static str,
        type_name: &str,
        token: CancellationToken,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Diagnostic> {
        // At the highest level, so that every event carries its fields.
        let span = tracing::error_span!("call", rpc, type_name);
        let work = async move {
            tracing::debug!("begins");
            let result = work.await;
            tracing::debug!("ends");
            result
        };
        let _gone = token.drop_guard();
        let task = self.tasks.spawn(work.instrument(span));
        task.await.map_err(|e| match e.try_into_panic() {
            Ok(panic) => panicked(rpc, type_name, panic.as_ref()),
            // Happens only at the very end, when the runtime shuts down.
            Err(_) => Diagnostic::error("Interrupted", "The provider was told to exit."),
        })
    }
}

fn panicked(rpc: &str, type_name: &str, panic: &(dyn Any + Send)) -> Diagnostic {
    let text = panic::message(panic);
    let of = if type_name.is_empty() {
        String::new()
    } else {
        format!(" of {type_name}")
    };
    Diagnostic::bug(format!("The provider panicked in {rpc}{of}: {text}"))
}
