//! Starting a sweep: the event filter is asked for one, and not waited for.

use aws_sdk_lambda::operation::RequestId as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use lambda::sweep_request;

use crate::aws::AwsError;
use crate::shared::Session;

/// Asks the event filter for a sweep, of all that the builder indexes or of what one of some filters
/// matches. Returns the request ID of its invocation, which its log has too.
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
