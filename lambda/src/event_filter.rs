//! The event filter, which decides for which pushes and deletions the index generator is invoked.
//!
//! It responds with `{"statusCode": …, "body": …}`: 400 for an event that is neither, 200 for one
//! that was passed on or skipped, with the reason as text. A failure to pass an event on is a
//! function error, so that Lambda tries again.
//!
//! On a schedule or on request, it performs a sweep: it looks for images that no push event
//! reported. It does this itself because it knows the filters, and because a sweep and the indexing
//! of images must not wait for each other.

mod config;
mod sweep;

use std::process::ExitCode;

use lambda_runtime::Diagnostic;
use serde::Serialize;
use tracing::Instrument as _;

use crate::event::ImageEvent;
use crate::invoke::{InvokeFailed, Invoker};
use crate::log;
use crate::runtime::{self, Invocation};
use crate::variables::{self, InvalidVariable};
use config::Config;
use sweep::{Sweep, SweepFailed};

/// Runs the function until Lambda terminates it.
pub fn run() -> ExitCode {
    log::init();
    let config = Config::read(&variables::of_process);
    if let Ok(config) = &config {
        config.warn();
    }
    let function = EventFilter {
        config,
        invoker: Invoker::default(),
    };
    // One thread is enough for two requests and saves starting others.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime::serve(runtime, async |invocation| {
        function.handle(invocation).await
    })
}

/// The function's response.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    body: String,
}

/// Reasons why an event could not be decided on or passed on.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Configuration(#[from] InvalidVariable),
    #[error(transparent)]
    Invoke(#[from] InvokeFailed),
    #[error(transparent)]
    Sweep(#[from] SweepFailed),
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Configuration(_) => "InvalidConfiguration",
            Error::Invoke(_) => "InvokeFailed",
            Error::Sweep(SweepFailed::GoOn(_)) => "InvokeFailed",
            Error::Sweep(_) => "SweepFailed",
        };
        Self {
            error_type: kind.to_owned(),
            error_message: error.to_string(),
        }
    }
}

struct EventFilter {
    config: Result<Config, InvalidVariable>,
    invoker: Invoker,
}

impl EventFilter {
    async fn handle(&self, invocation: Invocation) -> Result<Answer, Error> {
        let span = invocation.span();
        let handled = self.answer(&invocation).instrument(span.clone()).await;
        let _entered = span.enter();
        match &handled {
            Ok(answer) if answer.status_code == 200 => tracing::info!("{}", answer.body),
            Ok(answer) => tracing::warn!("{}", answer.body),
            Err(error) => tracing::error!("{error}"),
        }
        handled
    }

    async fn answer(&self, invocation: &Invocation) -> Result<Answer, Error> {
        let config = self.config.as_ref().map_err(Clone::clone)?;
        let answer = |status_code, body| Answer { status_code, body };
        match sweep::requested(&invocation.payload) {
            Some(Ok(request)) => {
                let sweep = Sweep::new(config, &self.invoker, invocation).await?;
                return Ok(answer(200, sweep.run(request, invocation).await?));
            }
            Some(Err(error)) => return Ok(answer(400, error.to_string())),
            None => {}
        }
        let payload = &invocation.payload;
        let event = match ImageEvent::parse(payload, config.delete_with_source) {
            Ok(event) => event,
            Err(error) => return Ok(answer(400, error.to_string())),
        };
        invocation.about(event.image());
        let image = event.image().image();
        let (scope, selection) = (&config.scope, &config.selection);
        let (decided, what) = match &event {
            ImageEvent::Push(push) => (scope.decide(selection, push), image.clone()),
            ImageEvent::Deletion(deletion) => {
                let what = format!("the deletion of {image}");
                (scope.decide_deletion(selection, deletion), what)
            }
        };
        match decided {
            Err(reason) => Ok(answer(200, format!("skipped {image}: {reason}"))),
            Ok(filter) => {
                let passed = self.invoker.invoke(&config.generator, payload);
                let request = passed.await?;
                let body = format!(
                    "passed {what} on to the index generator: it matches {filter:?}; request {request}"
                );
                Ok(answer(200, body))
            }
        }
    }
}
