//! The events that start a sweep: EventBridge's, on a schedule, and the provider's, once.
//!
//! The scope of a sweep is determined by the function's own environment. A request may narrow it
//! with filters but never widen it, so a made-up event can do no more than a scheduled one.

use serde_json::{Value, json};

use crate::filters::{Filter, Filters};

/// `source` of EventBridge's own events.
const SCHEDULE_SOURCE: &str = "aws.events";
/// `detail-type` of a scheduled event.
const SCHEDULED: &str = "Scheduled Event";
/// `source` of a request from the provider, or of a sweep that continues.
pub const SOURCE: &str = "soci-index-builder";
/// `detail-type` of a request.
pub const DETAIL_TYPE: &str = "Sweep Requested";

/// Field of the event with the filters that narrow a sweep.
const FILTERS: &str = "soci-filters";
/// Maximum number of filters that narrow a sweep.
pub const MAX_FILTERS: usize = 100;

/// Filters in an event that were not written by a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event: {FILTERS}: want a list of 1 to {MAX_FILTERS} filters such as \"shop/*:*\"")]
pub struct InvalidNarrowing;

/// Returns the event that requests a sweep.
pub fn request() -> Value {
    json!({"source": SOURCE, "detail-type": DETAIL_TYPE})
}

/// Narrows the requested sweep to those images it would look at anyway that match one of the
/// filters.
pub fn narrow<'a>(event: &mut Value, filters: impl IntoIterator<Item = &'a str>) {
    event[FILTERS] = filters.into_iter().collect();
}

/// Returns the filters that narrow the requested sweep, or `None` if it has none.
///
/// # Errors
/// If they are not in the form that a provider writes. Ignoring them would sweep more than was
/// requested.
pub fn narrowing(event: &Value) -> Result<Option<Filters>, InvalidNarrowing> {
    let Some(written) = event.get(FILTERS) else {
        return Ok(None);
    };
    let written = written.as_array().ok_or(InvalidNarrowing)?;
    if !(1..=MAX_FILTERS).contains(&written.len()) {
        return Err(InvalidNarrowing);
    }
    let filter = |text: &Value| text.as_str()?.parse::<Filter>().ok();
    let filters: Option<Filters> = written.iter().map(filter).collect();
    filters.map(Some).ok_or(InvalidNarrowing)
}

/// Returns whether an event has the shape of a request for a sweep.
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

    #[test]
    fn a_request_is_narrowed_by_filters_alone() {
        let mut event = request();
        assert_eq!(narrowing(&event), Ok(None));
        narrow(&mut event, ["shop/*:v*", "base:1"]);
        assert!(is_request(&event));
        let filters = narrowing(&event).unwrap().unwrap();
        assert_eq!(filters.to_string(), "shop/*:v*,base:1");
        for wrong in [
            json!(null),
            json!([]),
            json!("shop/*:*"),
            json!(["shop/*:*", 1]),
            json!(["shop/*"]),
            json!(["shop/*:*,base:1"]),
            json!(vec!["a:*"; MAX_FILTERS + 1]),
        ] {
            event[FILTERS] = wrong.clone();
            assert_eq!(narrowing(&event), Err(InvalidNarrowing), "{wrong}");
        }
    }
}
