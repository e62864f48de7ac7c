//! Continuation of a sweep in another invocation.
//!
//! The event of a continued sweep names the repository and the page of images that the previous
//! invocation reached. It is checked like any other event: anyone who may invoke the function can
//! make one up, but the only effect is to start elsewhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::counts::Counts;
use crate::grammar::is_repository;
use crate::sweep_request::request;

/// Field of the event.
const FIELD: &str = "soci-continuation";
/// Maximum number of continuations of a sweep. AWS Lambda stops a function that has invoked itself
/// about sixteen times in a row, assuming an infinite loop.
pub(super) const MAX: u64 = 12;
/// Maximum length of a token in bytes. Its format is up to Amazon ECR.
const MAX_TOKEN: usize = 8192;

/// A position in a repository: a page, and how many of its images are done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// `None` for the first page.
    pub token: Option<String>,
    pub done: usize,
}

/// The position at which a sweep continues. The default is the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::event_filter) struct Continuation {
    /// How often the sweep was continued.
    pub(super) number: u64,
    /// The repository; empty before the first.
    pub(super) repository: String,
    pub(super) place: Place,
    /// Counts of the previous invocations.
    pub(super) counts: Counts,
}

/// A continuation that was not written by a sweep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event: {FIELD}: want a place that an earlier invocation of the same sweep came to")]
pub(in crate::event_filter) struct InvalidContinuation;

impl Place {
    /// Returns the start of the page with this token.
    pub(super) fn of(token: String) -> Self {
        Self {
            token: Some(token),
            done: 0,
        }
    }

    fn is_sound(&self) -> bool {
        let sound = |token: &String| {
            (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
        };
        self.token.as_ref().is_none_or(sound)
    }
}

impl Continuation {
    /// Reads the position from a sweep's event. If the event does not state it, this is the
    /// beginning.
    pub(super) fn read(event: &Value) -> Result<Self, InvalidContinuation> {
        let Some(written) = event.get(FIELD) else {
            return Ok(Self::default());
        };
        let read = Self::deserialize(written).map_err(|_| InvalidContinuation)?;
        let sound = (1..=MAX).contains(&read.number)
            && is_repository(&read.repository)
            && read.place.is_sound();
        sound.then_some(read).ok_or(InvalidContinuation)
    }

    /// Returns the event that continues here, without narrowing filters.
    pub(super) fn write(&self) -> Value {
        let mut event = request();
        // Numbers and strings always serialize.
        event[FIELD] = serde_json::to_value(self).unwrap_or_default();
        event
    }

    /// Returns the position for the next invocation, or `None` if the maximum has been reached.
    pub(super) fn next(&self, repository: String, place: Place, counts: Counts) -> Option<Self> {
        let number = self.number.checked_add(1).filter(|next| *next <= MAX)?;
        Some(Self {
            number,
            repository,
            // Never write a position that could not be read back.
            place: if place.is_sound() {
                place
            } else {
                Place::default()
            },
            counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sweep_goes_on_a_bounded_number_of_times() {
        let mut from = Continuation::read(&request()).unwrap();
        assert_eq!(from, Continuation::default());
        for number in 1..=MAX {
            let counts = Counts {
                looked_at: number,
                ..Counts::default()
            };
            let place = Place::of("token==".to_owned());
            let next = from.next("shop/web".to_owned(), place, counts).unwrap();
            assert_eq!(next.number, number);
            from = Continuation::read(&next.write()).unwrap();
            assert_eq!(from, next);
        }
        let place = Place::default();
        assert_eq!(from.next("shop/web".to_owned(), place, from.counts), None);
    }

    #[test]
    fn made_up_places_are_refused() {
        let sound = json!({
            "number": 1,
            "repository": "shop/web",
            "place": {"token": null, "done": 10},
            "counts": {"looked-at": 3},
        });
        let read = |continuation: Value| {
            let mut event = request();
            event[FIELD] = continuation;
            Continuation::read(&event)
        };
        assert!(read(sound.clone()).is_ok());
        for (pointer, wrong) in [
            ("/number", json!(0)),
            ("/number", json!(MAX + 1)),
            ("/number", json!(-1)),
            ("/repository", json!("")),
            ("/repository", json!("Shop")),
            ("/repository", json!("a/../b")),
            ("/place/token", json!("")),
            ("/place/token", json!("a\nb")),
            ("/place/token", json!("t".repeat(MAX_TOKEN + 1))),
            ("/place/done", json!(-1)),
            ("/place", json!(7)),
            ("/counts/looked-at", json!("many")),
            ("", json!("shop/web")),
        ] {
            let mut made_up = sound.clone();
            *made_up.pointer_mut(pointer).unwrap() = wrong;
            assert_eq!(read(made_up.clone()), Err(InvalidContinuation), "{made_up}");
        }
    }

    #[test]
    fn a_token_that_could_not_be_read_again_is_left_out() {
        let place = Place::of("t".repeat(MAX_TOKEN + 1));
        let start = Continuation::default();
        let next = start.next("shop/web".to_owned(), place, Counts::default());
        let next = next.unwrap();
        assert_eq!(next.place, Place::default());
        assert_eq!(Continuation::read(&next.write()), Ok(next));
    }
}
