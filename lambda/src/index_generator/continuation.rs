//! Continuation in another invocation.
//!
//! Every indexed layer is remembered immediately. An invocation that runs out of time can therefore
//! pass its event on to its own function, and the next invocation continues where it stopped. For
//! an image to be indexed, only its largest layer needs to fit into one invocation.

use serde_json::Value;

/// Field of the event, in addition to Amazon ECR's: how often it was passed on.
const FIELD: &str = "soci-continuation";
/// Maximum number of times that an event is passed on. AWS Lambda stops a function that has invoked
/// itself about sixteen times in a row, assuming an infinite loop.
pub(super) const MAX: u64 = 12;

/// Returns the event to pass on and its new count, or `None` if that exceeds the maximum.
pub(super) fn next(event: &str) -> Option<(String, u64)> {
    let mut event: Value = serde_json::from_str(event).ok()?;
    let number = event.get(FIELD).and_then(Value::as_u64).unwrap_or(0);
    let next = number.checked_add(1).filter(|next| *next <= MAX)?;
    event.as_object_mut()?.insert(FIELD.to_owned(), next.into());
    Some((event.to_string(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_passed_on_a_bounded_number_of_times() {
        let mut event = r#"{"source":"aws.ecr"}"#.to_owned();
        for expected in 1..=MAX {
            let number;
            (event, number) = next(&event).expect("another");
            assert_eq!(number, expected);
        }
        assert_eq!(next(&event), None);
        assert!(event.contains("aws.ecr"), "{event}");
        for strange in [r#"{"soci-continuation":18446744073709551615}"#, "[]", "?"] {
            assert_eq!(next(strange), None, "{strange}");
        }
    }
}
