//! Requests to AWS, retried while that helps.
//!
//! The SDK retries transport failures. This module retries, until the call ends, requests for which
//! AWS has to finish something first: another change to the same object, or the propagation of a
//! role or another newly created object.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;

use super::error::AwsError;
use crate::call::CallContext;

/// Pause before the first retry. It doubles up to [`LONGEST_PAUSE`].
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Time after which a role that is still not usable is considered misconfigured.
const PROPAGATION: Duration = Duration::from_secs(120);
/// Time after which a new object that is still not found is considered gone.
const SETTLING: Duration = Duration::from_secs(30);
/// Time after which an object that is still in use is considered to be used by something that this
/// provider does not remove.
const RELEASING: Duration = Duration::from_secs(60);

impl<D> CallContext<'_, D> {
    /// Sends a request. Retries while AWS is busy or does not yet know a new role.
    pub(crate) async fn send<T, E, R, F>(&self, send: impl Fn() -> F) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: Debug + 'static,
    {
        self.repeat(send, Duration::ZERO).await
    }

    /// Sends a request about a newly created object, which AWS may not find yet.
    pub(crate) async fn send_to_new<T, E, R, F>(&self, send: impl Fn() -> F) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: Debug + 'static,
    {
        self.repeat(send, SETTLING).await
    }

    async fn repeat<T, E, R, F>(
        &self,
        send: impl Fn() -> F,
        settling: Duration,
    ) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: Debug + 'static,
    {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.within(send()).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => AwsError::from(error),
            };
            let passes = error.is_temporary()
                || error.is_propagation() && started.elapsed() < PROPAGATION
                || error.is_not_found() && started.elapsed() < settling;
            if !passes {
                return Err(error);
            }
            tracing::debug!(%error, "repeating a request to AWS");
            self.pause(&mut pause, Some(error)).await?;
        }
    }

    /// Deletes an object, retrying while AWS still counts objects that belonged to it.
    pub(crate) async fn delete<F>(&self, delete: impl Fn() -> F) -> Result<(), AwsError>
    where
        F: Future<Output = Result<(), AwsError>>,
    {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match delete().await {
                Err(error) if error.is_in_use() && started.elapsed() < RELEASING => {
                    tracing::debug!(%error, "deleting again");
                    self.pause(&mut pause, Some(error)).await?;
                }
                done => return done,
            }
        }
    }

    /// Looks for an object that AWS reported as created but may not return yet. Returns `None` if
    /// it does not appear in time.
    pub(crate) async fn find_new<T, F>(&self, find: impl Fn() -> F) -> Result<Option<T>, AwsError>
    where
        F: Future<Output = Result<Option<T>, AwsError>>,
    {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match find().await {
                Ok(None) => {}
                Err(error) if error.is_not_found() => {}
                found => return found,
            }
            if started.elapsed() >= SETTLING {
                return Ok(None);
            }
            self.pause(&mut pause, None).await?;
        }
    }

    /// Polls until `done` returns true.
    pub(crate) async fn until<F>(&self, done: impl Fn() -> F) -> Result<(), AwsError>
    where
        F: Future<Output = Result<bool, AwsError>>,
    {
        let mut pause = FIRST_PAUSE;
        while !done().await? {
            self.pause(&mut pause, None).await?;
        }
        Ok(())
    }

    /// Sleeps for `pause` and increases it for the next time. If the call ends in the meantime, the
    /// error includes AWS's `last` response.
    pub(crate) async fn pause(
        &self,
        pause: &mut Duration,
        last: Option<AwsError>,
    ) -> Result<(), AwsError> {
        let slept = self.sleep(*pause).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        slept.map_err(|stopped| AwsError::Stopped {
            stopped,
            last: last.map(Box::new),
        })
    }
}
