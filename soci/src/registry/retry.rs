//! Rules for when a request is retried, and after how long.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::RETRY_AFTER;

use crate::error::RegistryError;

/// Maximum number of attempts at a request.
pub(super) const MAX_ATTEMPTS: u32 = 5;

/// Maximum number of URLs that storage may reject for a request.
const MAX_URLS: u32 = 3;

/// Maximum time between two attempts, whatever the registry asks for.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// A failed attempt.
pub(super) struct Failure {
    pub error: RegistryError,
    /// How long the registry asks the client to wait.
    pub retry_after: Option<Duration>,
    /// Whether storage rejected a URL that the registry generated. It may have expired, and the
    /// registry generates a new one for the next request.
    pub refused_url: bool,
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self {
            error,
            retry_after: None,
            refused_url: false,
        }
    }
}

impl Failure {
    /// Returns whether another attempt may succeed, after `attempt` attempts.
    pub(super) fn may_pass(&self, attempt: u32) -> bool {
        let passes = self.error.is_temporary() || self.error.misses_content();
        let most = match self.refused_url {
            _ if passes => MAX_ATTEMPTS,
            true => MAX_URLS,
            false => 1,
        };
        attempt < most
    }

    /// Waits before the next attempt, after `attempt` attempts.
    pub(super) async fn pause(&self, attempt: u32) {
        let wait = self.retry_after.unwrap_or_else(|| backoff(attempt));
        let wait = wait.min(MAX_WAIT);
        tracing::debug!(error = %self.error, ?wait, "request failed, trying again");
        tokio::time::sleep(wait).await;
    }
}

/// Returns how long to wait after the given failure, counted from 1.
pub(super) fn backoff(failure: u32) -> Duration {
    Duration::from_millis(200) * 2_u32.pow(failure.min(8) - 1)
}

/// Returns how long a response asks the client to wait.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}
