//! One call of Terraform: the account's services, and how long all of it may take.

use std::future::Future;
use std::time::Duration;

use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use tfplugin_sdk::{Context, Diagnostic};
use tokio::time::Instant;

use super::fault::Fault;
use crate::aws::Account;
use crate::provider::Shared;

/// The first pause before a request is repeated; it doubles up to [`LONGEST`].
pub(super) const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);
/// A role that is not usable by then has something wrong with it.
const PROPAGATION: Duration = Duration::from_secs(120);
/// A thing that was just made and is still not found by then is gone.
const SETTLING: Duration = Duration::from_secs(30);

pub(super) struct Work<'a> {
    pub cx: &'a Context<Shared>,
    pub account: Account,
    pub lambda: aws_sdk_lambda::Client,
    pub iam: aws_sdk_iam::Client,
    pub events: aws_sdk_eventbridge::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    limit: Duration,
    deadline: Instant,
}

impl<'a> Work<'a> {
    pub(super) async fn start(
        cx: &'a Context<Shared>,
        limit: Duration,
    ) -> Result<Self, Diagnostic> {
        let deadline = Instant::now() + limit;
        let aws = &cx.data().aws;
        let open = async {
            Ok::<_, Diagnostic>(Self {
                cx,
                account: aws.account().await?.clone(),
                lambda: aws.lambda().await?,
                iam: aws.iam().await?,
                events: aws.events().await?,
                logs: aws.logs().await?,
                limit,
                deadline,
            })
        };
        tokio::select! {
            () = cx.cancelled() => Err(Fault::Interrupted.diagnose("looking up the AWS account")),
            () = tokio::time::sleep_until(deadline) => {
                let late = Fault::TimedOut { limit, last: None };
                Err(late.diagnose("looking up the AWS account"))
            }
            opened = open => opened,
        }
    }

    /// Sends a request, again while AWS is busy, or does not know a new role yet.
    pub(super) async fn call<T, E, R, F>(&self, send: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        self.repeat(send, Duration::ZERO).await
    }

    /// The same for a request about something that was just made, which AWS may not find yet.
    pub(super) async fn call_soon<T, E, R, F>(&self, send: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        self.repeat(send, SETTLING).await
    }

    async fn repeat<T, E, R, F>(&self, send: impl Fn() -> F, settling: Duration) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let started = Instant::now();
        let mut delay = FIRST;
        loop {
            let fault = match self.within(send()).await? {
                Ok(answer) => return Ok(answer),
                Err(error) => Fault::from(error),
            };
            let passes = fault.is_temporary()
                || fault.is_propagation() && started.elapsed() < PROPAGATION
                || fault.is_not_found() && started.elapsed() < settling;
            if !passes {
                return Err(fault);
            }
            tracing::debug!(%fault, "asking AWS again");
            self.pause(&mut delay, Some(fault)).await?;
        }
    }

    /// Waits until `done` finds it so.
    pub(super) async fn until<F>(&self, done: impl Fn() -> F) -> Result<(), Fault>
    where
        F: Future<Output = Result<bool, Fault>>,
    {
        let mut delay = FIRST;
        while !done().await? {
            self.pause(&mut delay, None).await?;
        }
        Ok(())
    }

    /// Waits so long.
    pub(super) async fn sleep(&self, delay: Duration) -> Result<(), Fault> {
        self.within(tokio::time::sleep(delay)).await
    }

    pub(super) async fn pause(
        &self,
        delay: &mut Duration,
        last: Option<Fault>,
    ) -> Result<(), Fault> {
        let slept = self.sleep(*delay).await;
        *delay = (*delay * 2).min(LONGEST);
        slept.map_err(|stop| match stop {
            Fault::TimedOut { limit, .. } => Fault::TimedOut {
                limit,
                last: last.map(Box::new),
            },
            other => other,
        })
    }

    async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            () = self.cx.cancelled() => Err(Fault::Interrupted),
            () = tokio::time::sleep_until(self.deadline) => Err(Fault::TimedOut {
                limit: self.limit,
                last: None,
            }),
            done = work => Ok(done),
        }
    }
}
