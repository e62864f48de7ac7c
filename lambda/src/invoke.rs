//! Asynchronous invocation of a function.

use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use tokio::sync::OnceCell;

use crate::runtime;

/// Invokes functions. The client is created when first needed, because most events are not passed
/// on.
#[derive(Default)]
pub(crate) struct Invoker {
    client: OnceCell<aws_sdk_lambda::Client>,
}

/// A function that could not be invoked.
#[derive(Debug, thiserror::Error)]
#[error("cannot invoke {function}: {reason}")]
pub(crate) struct InvokeFailed {
    function: String,
    reason: String,
}

impl Invoker {
    /// Passes an event to a function. Returns the request ID of the invocation.
    pub(crate) async fn invoke(&self, function: &str, event: &str) -> Result<String, InvokeFailed> {
        let failed = |reason: String| InvokeFailed {
            function: function.to_owned(),
            reason,
        };
        let client = self
            .client
            .get_or_init(|| async { aws_sdk_lambda::Client::new(runtime::aws_config().await) });
        let answer = client
            .await
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(|error| failed(runtime::aws_error(&error)))?;
        if answer.status_code() != 202 {
            return Err(failed(format!("status {}, want 202", answer.status_code())));
        }
        Ok(answer.request_id().unwrap_or("unknown").to_owned())
    }
}
