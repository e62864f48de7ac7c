//! The events that start a sweep: EventBridge's, on a schedule, and the provider's, once.
//!
//! Neither says what to look at. That follows from the function's own environment, so that an event
//! that somebody made up can do no more than one on time.

use serde_json::{Value, json};

/// `source` of EventBridge's own events.
const SCHEDULE_SOURCE: &str = "aws.events";
/// `detail-type` of an event on a schedule.
const SCHEDULED: &str = "Scheduled Event";
/// `source` of a request of the provider, or of a sweep that goes on.
pub const SOURCE: &str = "soci-index-builder";
/// `detail-type` of a request.
pub const DETAIL_TYPE: &str = "Sweep Requested";

/// Returns the event that asks for a sweep.
pub fn request() -> Value {
    json!({"source": SOURCE, "detail-type": DETAIL_TYPE})
}

/// Whether an event asks for a sweep, by its shape.
pub fn is_request(event: &Value) -> bool {
    let shape = (event["source"].as_str(), event["detail-type"].as_str());
    shape == (Some(SCHEDULE_SOURCE), Some(SCHEDULED)) || shape == (Some(SOURCE), Some(DETAIL_TYPE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_by_their_shape() {
        let scheduled = json!({
            "version": "0",
            "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": "2026-01-02T03:04:05Z",
            "region": "eu-west-1",
            "resources": ["arn:aws:events:eu-west-1:123456789012:rule/images.sweep"],
            "detail": {},
        });
        assert!(is_request(&scheduled) && is_request(&request()));
        for (field, value) in [
            ("source", json!("aws.ecr")),
            ("source", json!(SOURCE)),
            ("detail-type", json!("ECR Image Action")),
            ("detail-type", json!(["Scheduled Event"])),
        ] {
            let mut other = scheduled.clone();
            other[field] = value;
            assert!(!is_request(&other), "{other}");
        }
        assert!(!is_request(&json!(null)) && !is_request(&json!([SOURCE])));
    }
}
