//! Runs provider code so that it can neither take the process down nor be cut
//! off.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Server;
use crate::context::Trace;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::provider::Provider;

impl<P: Provider> Server<P> {
    /// A token for one call.
    pub(super) fn token(&self) -> CancellationToken {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.child_token()
    }

    /// Runs `work`, which watches `token`, to its end.
    ///
    /// When the caller goes away, this future is dropped: the token is
    /// cancelled and the work finishes by itself.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        rpc: &'static str,
        type_name: &str,
        token: CancellationToken,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Diagnostic> {
        // Of the highest level, so that its fields are with every event.
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
            // Only at the very end, when the runtime shuts down.
            Err(_) => Diagnostic::error("Interrupted", "The provider was told to exit."),
        })
    }
}

fn panicked(rpc: &str, type_name: &str, panic: &(dyn Any + Send)) -> Diagnostic {
    let text = panic_text(panic);
    let of = if type_name.is_empty() {
        String::new()
    } else {
        format!(" of {type_name}")
    };
    Diagnostic::bug(format!("The provider panicked in {rpc}{of}: {text}"))
}

/// The message that a panic was started with.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// What a call left behind.
pub(super) fn take(trace: &Arc<Mutex<Trace>>) -> Trace {
    let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut trace)
}

/// A call's result when it only has diagnostics to give, put after its
/// warnings.
pub(super) fn collect<T>(
    found: &mut Diagnostics,
    outcome: Result<Result<T, Diagnostics>, Diagnostic>,
) -> Option<T> {
    match outcome {
        Ok(Ok(value)) => Some(value),
        Ok(Err(more)) => {
            found.extend(more);
            None
        }
        Err(panic) => {
            found.push(panic);
            None
        }
    }
}
