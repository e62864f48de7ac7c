//! The events that the functions work on.

use super::{DeletionEvent, InvalidEvent, PushEvent};

/// An event about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageEvent {
    /// It has come.
    Push(PushEvent),
    /// It is gone, or one of its tags is.
    Deletion(DeletionEvent),
}

impl ImageEvent {
    /// Reads and checks an event. That of a deletion is one only where `with_deletions` is set.
    ///
    /// # Errors
    /// If it is neither, or a value could not come from Amazon ECR.
    pub fn parse(text: &str, with_deletions: bool) -> Result<Self, InvalidEvent> {
        match with_deletions && DeletionEvent::is_told_by(text) {
            true => DeletionEvent::parse(text).map(Self::Deletion),
            false => PushEvent::parse(text).map(Self::Push),
        }
    }

    /// Returns the image that it is about.
    pub fn image(&self) -> &PushEvent {
        match self {
            Self::Push(push) => push,
            Self::Deletion(deletion) => &deletion.image,
        }
    }
}
