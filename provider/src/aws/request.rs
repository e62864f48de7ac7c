//! Requests to AWS, repeated while that helps.
//!
//! The SDK repeats what fails on the way. Repeated here, until the call ends, is what AWS has to
//! finish first: another change of the same thing, the propagation of a role, or of something
//! that was just created.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;

use super::error::AwsError;
use crate::call::CallContext;

/// The pause before a request is first repeated; it doubles up to [`LONGEST_PAUSE`].
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A role that is still not usable by then is misconfigured.
const PROPAGATION: Duration = Duration::from_secs(120);
/// Something just created that is still not found by then is gone.
const SETTLING: Duration = Duration::from_secs(30);
/// Time after which what is still in use is used by something that nobody here removes.
const RELEASING: Duration = Duration::from_secs(60);

impl<D> CallContext<'_, D> {
    /// Sends a request. Repeats it while AWS is busy or does not know a new role yet.
    pub(crate) async fn send<T, E, R, F>(&self, send: impl Fn() -> F) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: Debug + 'static,
    {
        self.repeat(send, Duration::ZERO).await
    }

    /// Sends a request about something that was just created, which AWS may not find yet.
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

    /// Deletes something, again while AWS still counts what belonged to it.
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

    /// Looks for something that AWS says was created and may not show yet. `None` if it does not
    /// show in time.
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

    /// Sleeps for `pause` and lengthens it for the next time. If the call ends meanwhile, the
    /// error tells what AWS said `last`.
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
