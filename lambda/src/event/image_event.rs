//! The events that the functions process.

use super::{DeletionEvent, InvalidEvent, PushEvent};

/// An event about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageEvent {
    /// The image has arrived.
    Push(PushEvent),
    /// The image or one of its tags has been deleted.
    Deletion(DeletionEvent),
}

impl ImageEvent {
    /// Parses and checks an event. Deletions are accepted only if `with_deletions` is set.
    ///
    /// # Errors
    /// If it is neither kind, or contains a value that cannot come from Amazon ECR.
    pub fn parse(text: &str, with_deletions: bool) -> Result<Self, InvalidEvent> {
        match with_deletions && DeletionEvent::is_told_by(text) {
            true => DeletionEvent::parse(text).map(Self::Deletion),
            false => PushEvent::parse(text).map(Self::Push),
        }
    }

    /// Returns the image that the event is about.
    pub fn image(&self) -> &PushEvent {
        match self {
            Self::Push(push) => push,
            Self::Deletion(deletion) => &deletion.image,
        }
    }
}
