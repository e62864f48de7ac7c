//! The event that Amazon ECR emits after a deletion.

use serde_json::Value;

use super::{Event, InvalidEvent, PushEvent, RESULT, SOURCE, read};
use crate::source::Source;

/// The deletion of a tag, or of a manifest with its tags, each of which has its own event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionEvent {
    /// The image that the tag named, in the form of the event of its push.
    pub image: PushEvent,
}

impl DeletionEvent {
    /// The event's `detail-type`.
    pub const DETAIL_TYPE: &str = "ECR Image Action";
    /// The event's `detail.action-type`.
    pub const ACTION: &str = "DELETE";

    /// Returns whether a text is a deletion event. Nothing else about it is checked.
    pub fn is_told_by(text: &str) -> bool {
        read(text).is_ok_and(|event| {
            event["detail-type"] == Self::DETAIL_TYPE
                && event["detail"]["action-type"] == Self::ACTION
        })
    }

    /// Parses and checks an event.
    ///
    /// # Errors
    /// If it is not a deletion, or contains a value that cannot come from Amazon ECR.
    pub fn parse(text: &str) -> Result<Self, InvalidEvent> {
        let event = read(text)?;
        let event = Event(&event);
        event.equal("source", SOURCE)?;
        event.equal("detail-type", Self::DETAIL_TYPE)?;
        event.equal("detail.action-type", Self::ACTION)?;
        event.equal("detail.result", RESULT)?;
        let image = event.image(Source::Push)?;
        Ok(Self { image })
    }

    /// Writes the event as Amazon ECR emits it, with the given `id` and `time` (RFC 3339).
    pub fn to_json(&self, id: &str, time: &str) -> Value {
        let image = PushEvent {
            source: Source::Push,
            ..self.image.clone()
        };
        let mut event = image.to_json(id, time);
        event["detail-type"] = Self::DETAIL_TYPE.into();
        event["detail"]["action-type"] = Self::ACTION.into();
        event
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deletion() -> DeletionEvent {
        let image = PushEvent::sample();
        DeletionEvent { image }
    }

    #[test]
    fn a_deletion_is_told_from_a_push() {
        let deletion = deletion();
        let text = deletion.to_json("", "").to_string();
        assert!(DeletionEvent::is_told_by(&text));
        assert_eq!(DeletionEvent::parse(&text), Ok(deletion.clone()));
        let error = PushEvent::parse(&text).unwrap_err().to_string();
        assert!(error.contains("got \"DELETE\", want PUSH"), "{error}");

        let push = deletion.image.to_json("", "").to_string();
        assert!(!DeletionEvent::is_told_by(&push));
        let error = DeletionEvent::parse(&push).unwrap_err().to_string();
        assert!(error.contains("got \"PUSH\", want DELETE"), "{error}");
        for other in ["?", "null", "[]", "{}"] {
            assert!(!DeletionEvent::is_told_by(other), "{other}");
        }
    }

    #[test]
    fn every_value_is_checked() {
        for (pointer, wrong) in [
            ("/source", "aws.s3"),
            ("/detail-type", "ECR Replication Action"),
            ("/detail/result", "FAILURE"),
            ("/detail/repository-name", "../web"),
            ("/detail/image-digest", "sha256:00"),
            ("/detail/image-tag", "a/../b"),
        ] {
            let mut event = deletion().to_json("", "");
            *event.pointer_mut(pointer).unwrap() = json!(wrong);
            let error = DeletionEvent::parse(&event.to_string());
            assert!(error.is_err(), "{pointer}: {wrong}");
        }
        let long = format!("{}{}", deletion().to_json("", ""), " ".repeat(256 << 10));
        assert!(!DeletionEvent::is_told_by(&long));
    }
}
