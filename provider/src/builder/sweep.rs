//! Start of a sweep: requests one from the event filter without waiting for it.

use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use lambda::sweep_request;

use crate::aws::AwsError;
use crate::shared::Session;

/// Requests a sweep from the event filter, either of everything that the builder indexes or of
/// images that match one of the given filters. Returns the request ID of the invocation, which is
/// also in its log.
pub(super) async fn start(
    session: &Session<'_>,
    event_filter: &str,
    only: &[String],
) -> Result<String, AwsError> {
    let mut event = sweep_request::request();
    if !only.is_empty() {
        sweep_request::narrow(&mut event, only.iter().map(String::as_str));
    }
    let invoke = session
        .lambda
        .invoke()
        .function_name(event_filter)
        .invocation_type(InvocationType::Event)
        .payload(Blob::new(event.to_string()));
    let answer = session.call.send(|| invoke.clone().send()).await?;
    Ok(answer.request_id().unwrap_or("unknown").to_owned())
}
