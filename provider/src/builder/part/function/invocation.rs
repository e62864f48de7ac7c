//! How asynchronous invocations of a function are retried.

use aws_sdk_lambda::types::{DestinationConfig, OnFailure};

use super::config::to_i32;
use crate::aws::AwsError;
use crate::builder::arguments::{Arguments, DEFAULT_EVENT_AGE, DEFAULT_RETRIES};
use crate::builder::part::difference::{Property, field_differences, joined};
use crate::builder::part::if_exists;
use crate::shared::Session;

/// Retries of asynchronous invocations. The default is AWS's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) struct Invocation {
    pub retries: i64,
    /// In seconds.
    pub max_age: i64,
    /// ARN of the destination.
    pub on_failure: Option<String>,
}

impl Default for Invocation {
    fn default() -> Self {
        Self {
            retries: DEFAULT_RETRIES,
            max_age: DEFAULT_EVENT_AGE,
            on_failure: None,
        }
    }
}

impl Property for Invocation {
    fn difference(&self, observed: &Self) -> String {
        joined(field_differences!(
            Invocation {
                retries: "number of retries",
                max_age: "maximum age in seconds",
                on_failure: "destination",
            },
            self,
            observed
        ))
    }
}

impl Invocation {
    pub(super) fn desired(arguments: &Arguments) -> Self {
        Self {
            retries: arguments.maximum_retry_attempts,
            max_age: arguments.maximum_event_age_in_seconds,
            on_failure: arguments.on_failure_destination_arn.clone(),
        }
    }

    /// Observes how invocations of a function are retried.
    pub(super) async fn observe(session: &Session<'_>, function: &str) -> Result<Self, AwsError> {
        let get = session.lambda.get_function_event_invoke_config();
        let get = get.function_name(function);
        let default = Self::default();
        let config = match session.call.send(|| get.clone().send()).await {
            Ok(config) => config,
            Err(error) if error.is_not_found() => return Ok(default),
            Err(error) => return Err(error),
        };
        let retries = config.maximum_retry_attempts;
        let max_age = config.maximum_event_age_in_seconds;
        let destinations = config.destination_config;
        Ok(Self {
            retries: retries.map_or(default.retries, Into::into),
            max_age: max_age.map_or(default.max_age, Into::into),
            on_failure: destinations
                .and_then(|destinations| destinations.on_failure)
                .and_then(|failure| failure.destination)
                .filter(|arn| !arn.is_empty()),
        })
    }

    /// Sets how invocations of a function are retried.
    pub(super) async fn set(&self, session: &Session<'_>, function: &str) -> Result<(), AwsError> {
        let lambda = &session.lambda;
        if *self == Self::default() {
            let delete = lambda.delete_function_event_invoke_config();
            let delete = delete.function_name(function);
            return if_exists(session.call.send(|| delete.clone().send()).await);
        }
        let Self {
            retries,
            max_age,
            on_failure,
        } = self;
        let destinations = on_failure.as_ref().map(|arn| {
            let failure = OnFailure::builder().destination(arn).build();
            DestinationConfig::builder().on_failure(failure).build()
        });
        let put = lambda
            .put_function_event_invoke_config()
            .function_name(function)
            .maximum_retry_attempts(to_i32(*retries))
            .maximum_event_age_in_seconds(to_i32(*max_age))
            .set_destination_config(destinations);
        session.call.send(|| put.clone().send()).await?;
        Ok(())
    }
}
