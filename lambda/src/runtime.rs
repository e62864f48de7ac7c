//! The Lambda runtime, as used by both functions.

use std::fmt;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, SdkConfig};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;
use tracing::Span;

use crate::event::PushEvent;

/// Variables without which the runtime cannot start.
const OF_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// An invocation of a function.
pub(crate) struct Invocation {
    /// The event, unchanged.
    pub payload: Box<str>,
    context: Context,
    span: Span,
}

impl Invocation {
    fn new(event: LambdaEvent<Box<RawValue>>) -> Self {
        let span = tracing::info_span!(
            "invocation",
            requestId = event.context.request_id,
            repository = tracing::field::Empty,
            tag = tracing::field::Empty,
            digest = tracing::field::Empty,
        );
        Self {
            payload: event.payload.into(),
            context: event.context,
            span,
        }
    }

    /// Returns the tracing span for its log lines.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Adds the image to its log lines.
    pub(crate) fn about(&self, push: &PushEvent) {
        self.span.record("repository", push.repository.as_str());
        if let Some(digest) = &push.digest {
            self.span.record("digest", digest.as_str());
        }
        if let Some(tag) = &push.tag {
            self.span.record("tag", tag.as_str());
        }
    }

    /// Returns the request ID, which is the same for Lambda's retries.
    pub(crate) fn request_id(&self) -> &str {
        &self.context.request_id
    }

    /// Returns the function's name.
    pub(crate) fn function(&self) -> &str {
        &self.context.env_config.function_name
    }

    /// Returns the ARN with which the function was invoked.
    pub(crate) fn arn(&self) -> &str {
        &self.context.invoked_function_arn
    }

    /// Returns the function's account, from its ARN.
    pub(crate) fn account(&self) -> Option<&str> {
        self.part_of_arn(4)
    }

    /// Returns the function's region, from its ARN.
    pub(crate) fn region(&self) -> Option<&str> {
        self.part_of_arn(3)
    }

    fn part_of_arn(&self, number: usize) -> Option<&str> {
        let arn = &self.context.invoked_function_arn;
        let part = arn.split(':').nth(number);
        part.filter(|part| arn.starts_with("arn:") && !part.is_empty())
    }

    /// Returns the time until Lambda terminates the invocation.
    pub(crate) fn remaining(&self) -> Duration {
        let deadline = self.context.deadline();
        deadline
            .duration_since(SystemTime::now())
            .unwrap_or_default()
    }
}

/// Serves invocations until Lambda terminates the process.
pub(crate) fn serve<R, E>(
    runtime: io::Result<tokio::runtime::Runtime>,
    function: impl AsyncFn(Invocation) -> Result<R, E>,
) -> ExitCode
where
    R: Serialize,
    E: Into<Diagnostic> + fmt::Debug,
{
    if let Some(missing) = OF_LAMBDA
        .iter()
        .find(|name| std::env::var_os(name).is_none())
    {
        tracing::error!("{missing} is not set: this program only runs in AWS Lambda");
        return ExitCode::FAILURE;
    }
    let served = runtime.map(|runtime| {
        let service = service_fn(|event| function(Invocation::new(event)));
        runtime.block_on(Runtime::new(service).run())
    });
    match served {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => tracing::error!("the Lambda runtime API: {error}"),
        Err(error) => tracing::error!("cannot start: {error}"),
    }
    ExitCode::FAILURE
}

/// Returns the credentials, region and endpoints from the environment. All clients share them,
/// along with one HTTP client.
pub(crate) async fn aws_config() -> &'static SdkConfig {
    static CONFIG: OnceCell<SdkConfig> = OnceCell::const_new();
    CONFIG
        .get_or_init(|| aws_config::load_defaults(BehaviorVersion::latest()))
        .await
}

/// Describes a failed AWS request, including its causes.
pub(crate) fn aws_error(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text.chars().take(1000).collect()
}
