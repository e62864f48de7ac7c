//! A call from Terraform: its context, and when it has to end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tfplugin_sdk::{Context, Diagnostic};
use tokio::time::Instant;

/// A call from Terraform, which has a time limit and may be interrupted by the user.
pub(crate) struct CallContext<'a, D> {
    /// Shared data, warnings and private state.
    pub cx: &'a Context<D>,
    limit: Duration,
    deadline: Instant,
    grace: Duration,
}

impl<'a, D> CallContext<'a, D> {
    /// Starts the clock of a call.
    pub(crate) fn new(cx: &'a Context<D>, limit: Duration) -> Self {
        Self {
            cx,
            limit,
            deadline: Instant::now() + limit,
            grace: Duration::ZERO,
        }
    }

    /// Returns the same call for work that is short and better finished than cut off: an interrupt
    /// or the deadline waits up to `grace` for it.
    pub(crate) fn with_grace(&self, grace: Duration) -> Self {
        Self { grace, ..*self }
    }

    /// Returns the remaining time of the call.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Awaits `work` until the call is interrupted or times out.
    pub(crate) async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        let interrupted = async {
            self.cx.cancelled().await;
            tokio::time::sleep(self.grace).await;
        };
        tokio::select! {
            biased;
            () = interrupted => Err(Stopped::Interrupted),
            () = tokio::time::sleep_until(self.deadline + self.grace) => {
                Err(Stopped::TimedOut { limit: self.limit })
            }
            done = work => Ok(done),
        }
    }

    /// Awaits `work` like [`within`](Self::within). If the call ends first, the diagnostic states
    /// what it was `doing` and the `consequence`.
    pub(crate) fn run<'f, T: 'f>(
        &'f self,
        doing: &'f str,
        consequence: &'f str,
        work: impl Future<Output = Result<T, Diagnostic>> + Send + 'f,
    ) -> impl Future<Output = Result<T, Diagnostic>> + Send + 'f
    where
        D: Send + Sync,
    {
        // Boxed, because the futures of whole operations nest too deep for the compiler.
        let work: Pin<Box<dyn Future<Output = Result<T, Diagnostic>> + Send + 'f>> = Box::pin(work);
        async move {
            let done = self.within(work).await;
            done.map_err(|stopped| stopped.diagnose(doing, consequence))?
        }
    }

    /// Sleeps, unless the call has to end first.
    pub(crate) async fn sleep(&self, delay: Duration) -> Result<(), Stopped> {
        self.within(tokio::time::sleep(delay)).await
    }
}

/// Reason why a call ended before its work was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Terraform asked the provider to stop because the user pressed Ctrl-C.
    Interrupted,
    /// The time limit of the operation was reached.
    TimedOut { limit: Duration },
}

impl Stopped {
    /// Returns the diagnostic. `doing` is a phrase such as `creating the role "x"`. `consequence`
    /// says in full sentences what was done and what the next apply will do.
    pub(crate) fn diagnose(&self, doing: &str, consequence: &str) -> Diagnostic {
        let detail = format!("While {doing}: {self}.\n\n{consequence}");
        match self {
            Self::Interrupted => Diagnostic::error("Interrupted", detail),
            Self::TimedOut { .. } => {
                let advice =
                    "If there is a timeouts block, allow more time there. Check the connection.";
                Diagnostic::error("Timed out", format!("{detail} {advice}"))
            }
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("interrupted"),
            Self::TimedOut { limit } => write!(f, "not done within {limit:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_says_what_stopped_and_what_follows() {
        let consequence = "Nothing was published.";
        let found = Stopped::Interrupted.diagnose("indexing a", consequence);
        assert_eq!(found.summary, "Interrupted");
        assert_eq!(
            found.detail,
            "While indexing a: interrupted.\n\nNothing was published."
        );
        let limit = Duration::from_secs(90);
        let found = Stopped::TimedOut { limit }.diagnose("indexing a", consequence);
        assert_eq!(found.summary, "Timed out");
        let start = "While indexing a: not done within 90s.\n\nNothing was published. If there";
        assert!(found.detail.starts_with(start), "{}", found.detail);
    }
}
