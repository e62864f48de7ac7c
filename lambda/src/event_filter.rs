//! The event filter: decides which pushes the index generator gets to see.
//!
//! It answers `{"statusCode": …, "body": …}`: 400 for an event that is no push, 200 for one
//! that was passed on or left out, with the reason in words. What keeps it from passing an
//! event on is an error of the function, so that Lambda tries again.

mod rules;

use std::process::ExitCode;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use lambda_runtime::Diagnostic;
use serde::Serialize;
use soci::oci::media_type::{SOCI_INDEX_V1, SOCI_INDEX_V2};
use tokio::sync::OnceCell;
use tracing::Instrument as _;

use crate::environment::{GENERATOR_ARN, INDEX_VERSION};
use crate::event::PushEvent;
use crate::log;
use crate::runtime::{self, Invocation};
use crate::variables::{self, InvalidVariable, Lookup, Variable};
use rules::Rules;

/// Runs the function until Lambda ends it.
pub fn run() -> ExitCode {
    log::init();
    let config = Config::read(&variables::of_process);
    if let Ok(config) = &config {
        config.rules.warn();
    }
    let function = EventFilter {
        config,
        lambda: OnceCell::new(),
    };
    // One thread is enough for two requests, and there is nothing to start.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime::serve(runtime, async |invocation| {
        function.handle(invocation).await
    })
}

/// What the environment says.
#[derive(Debug)]
struct Config {
    rules: Rules,
    generator: String,
    suffix: String,
    /// V2 needs a tag to derive the output's tag from. Whether it is V2 may be unsaid.
    needs_tag: bool,
}

impl Config {
    fn read(lookup: Lookup<'_>) -> Result<Self, InvalidVariable> {
        let generator = Variable::read(lookup, GENERATOR_ARN);
        let version = Variable::read(lookup, INDEX_VERSION);
        Ok(Self {
            rules: Rules::read(lookup)?,
            generator: match generator.value().filter(|arn| is_function_arn(arn)) {
                Some(arn) => arn.to_owned(),
                None => return Err(generator.refuse("the ARN of the index generator")),
            },
            suffix: variables::tag_suffix(lookup)?,
            needs_tag: version.parse_or(false, "V1 or V2", |version| match version {
                "V1" => Some(false),
                "V2" => Some(true),
                _ => None,
            })?,
        })
    }

    /// Whether a push is passed on; if not, why not.
    fn decide(&self, push: &PushEvent) -> Result<&str, String> {
        let image = push.image();
        let tag = push.tag.as_deref().unwrap_or_default();
        if let Some(kind) = &push.artifact_media_type
            && [SOCI_INDEX_V1, SOCI_INDEX_V2].contains(&kind.as_str())
        {
            return Err(format!("left out {image}: it is a SOCI index"));
        }
        if tag.ends_with(&self.suffix) {
            let suffix = &self.suffix;
            return Err(format!(
                "left out {image}: its tag ends in {suffix:?}, as those of SOCI-enabled images do"
            ));
        }
        if self.needs_tag && tag.is_empty() {
            return Err(format!(
                "left out {image}: it was pushed without a tag, and an index of version V2 \
                 needs one"
            ));
        }
        self.rules
            .find(&push.repository, tag)
            .ok_or_else(|| format!("left out {image}: no filter matches"))
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

/// What the function answers.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    body: String,
}

/// Why an event could not be decided on or passed on.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Configuration(#[from] InvalidVariable),
    #[error("cannot invoke {function}: {reason}")]
    Invoke { function: String, reason: String },
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Configuration(_) => "InvalidConfiguration",
            Error::Invoke { .. } => "InvokeFailed",
        };
        Self {
            error_type: kind.to_owned(),
            error_message: error.to_string(),
        }
    }
}

struct EventFilter {
    config: Result<Config, InvalidVariable>,
    /// Made when the first event is passed on: most are not.
    lambda: OnceCell<aws_sdk_lambda::Client>,
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
        match config.decide(&push) {
            Err(reason) => Ok(answer(200, reason)),
            Ok(rule) => {
                let request = self.invoke(&config.generator, &invocation.payload).await?;
                let image = push.image();
                let body = format!(
                    "passed {image} on to the index generator: it matches {rule:?}; request {request}"
                );
                Ok(answer(200, body))
            }
        }
    }

    /// Passes an event on as it came. Returns the id of the generator's invocation.
    async fn invoke(&self, generator: &str, event: &str) -> Result<String, Error> {
        let failed = |reason: String| Error::Invoke {
            function: generator.to_owned(),
            reason,
        };
        let client = self
            .lambda
            .get_or_init(|| async { aws_sdk_lambda::Client::new(&runtime::aws_config().await) });
        let answer = client
            .await
            .invoke()
            .function_name(generator)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(|error| failed(runtime::aws_error(&error)))?;
        if answer.status_code() != 202 {
            return Err(failed(format!("status {}, want 202", answer.status_code())));
        }
        use aws_sdk_lambda::operation::RequestId as _;
        Ok(answer.request_id().unwrap_or("unknown").to_owned())
    }
}

#[cfg(test)]
mod tests;
