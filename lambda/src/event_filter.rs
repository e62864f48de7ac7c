//! The event filter: decides which pushes the index generator is invoked for.
//!
//! It answers `{"statusCode": …, "body": …}`: 400 for an event that is no push, 200 for one that
//! was passed on or skipped, with the reason in words. A failure to pass an event on is an error
//! of the function, so that Lambda tries again.

use std::process::ExitCode;

use lambda_runtime::Diagnostic;
use serde::Serialize;
use tracing::Instrument as _;

use crate::environment::{EXCLUDED_FILTERS, FILTERS, GENERATOR_ARN, SOURCES};
use crate::event::PushEvent;
use crate::filters::{Filters, Selection};
use crate::invoke::{InvokeFailed, Invoker};
use crate::log;
use crate::runtime::{self, Invocation};
use crate::scope::Scope;
use crate::source::{Source, Sources};
use crate::variables::{self, InvalidVariable, Lookup, Variable};

/// Runs the function until Lambda ends it.
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
    // One thread is enough for two requests, and there is nothing to start.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime::serve(runtime, async |invocation| {
        function.handle(invocation).await
    })
}

/// The function's settings, from its environment.
#[derive(Debug)]
struct Config {
    selection: Selection,
    generator: String,
    scope: Scope,
}

impl Config {
    fn read(lookup: Lookup<'_>) -> Result<Self, InvalidVariable> {
        let filters = Variable::read(lookup, FILTERS);
        let excluded = Variable::read(lookup, EXCLUDED_FILTERS);
        let want = "filters such as \"shop/*:*\", separated by commas";
        let excluded = excluded.parse_or(Filters::default(), want, Filters::parse)?;
        let generator = Variable::read(lookup, GENERATOR_ARN);
        Ok(Self {
            selection: match Filters::parse(filters.value().unwrap_or_default()) {
                Some(parsed) => Selection::new(parsed, excluded),
                None => return Err(filters.refuse(want)),
            },
            generator: match generator.value().filter(|arn| is_function_arn(arn)) {
                Some(arn) => arn.to_owned(),
                None => return Err(generator.refuse("the ARN of the index generator")),
            },
            scope: Scope {
                sources: Variable::read(lookup, SOURCES).parse_or(
                    Sources::default(),
                    format!("any of {}, separated by commas", Source::NAMES.join(", ")),
                    Sources::parse,
                )?,
                version: variables::index_version(lookup)?,
                suffix: variables::tag_suffix(lookup)?,
            },
        })
    }

    /// Warns of filters that are looser than the grammar.
    fn warn(&self) {
        for error in self.selection.loose() {
            tracing::warn!("{error}; it is matched against the whole of repository:tag");
        }
    }
}

/// `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`, perhaps with a version or an alias.
fn is_function_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let name = |part: &str| {
        let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$');
        (1..=140).contains(&part.len()) && part.bytes().all(sound)
    };
    matches!(
        parts[..],
        ["arn", _, "lambda", _, _, "function", _] | ["arn", _, "lambda", _, _, "function", _, _]
    ) && parts.into_iter().all(name)
}

/// The function's answer.
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
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Configuration(_) => "InvalidConfiguration",
            Error::Invoke(_) => "InvokeFailed",
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
        let push = match PushEvent::parse(&invocation.payload) {
            Ok(push) => push,
            Err(error) => return Ok(answer(400, error.to_string())),
        };
        invocation.about(&push);
        let image = push.image();
        match config.scope.decide(&config.selection, &push) {
            Err(reason) => Ok(answer(200, format!("skipped {image}: {reason}"))),
            Ok(filter) => {
                let passed = self.invoker.invoke(&config.generator, &invocation.payload);
                let request = passed.await?;
                let body = format!(
                    "passed {image} on to the index generator: it matches {filter:?}; request {request}"
                );
                Ok(answer(200, body))
            }
        }
    }
}

#[cfg(test)]
mod tests;
