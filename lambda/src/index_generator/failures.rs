//! Memory of final failures, so that Lambda's retries of them cost nothing.
//!
//! Lambda sends an event to the failure destination only after an error and all retries, and all
//! retries of an invocation have the same request ID. A final failure is therefore an error like
//! any other, but the retries are answered from here, without a request or another line of metrics.
//! A process that did not see the first attempt repeats the work and arrives at the same result.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lambda_runtime::Diagnostic;

/// Maximum number of remembered failures: those of a few minutes, which is how long retries take.
const CAPACITY: usize = 256;

/// The most recent final failures of this process.
#[derive(Default)]
pub(super) struct FinalFailures(Mutex<VecDeque<Failure>>);

struct Failure {
    request_id: String,
    kind: String,
    message: String,
}

impl FinalFailures {
    /// Remembers the response to an invocation.
    pub(super) fn remember(&self, request_id: &str, answer: &Diagnostic) {
        let mut failures = self.lock();
        failures.truncate(CAPACITY - 1);
        failures.push_front(Failure {
            request_id: request_id.to_owned(),
            kind: answer.error_type.clone(),
            message: answer.error_message.clone(),
        });
    }

    /// Returns the response to an earlier attempt at this invocation, if that failed permanently.
    pub(super) fn recall(&self, request_id: &str) -> Option<Diagnostic> {
        let failures = self.lock();
        let mut known = failures.iter();
        let failure = known.find(|failure| failure.request_id == request_id)?;
        Some(Diagnostic {
            error_type: failure.kind.clone(),
            error_message: failure.message.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let failures = FinalFailures::default();
        for number in 0..=CAPACITY {
            let answer = Diagnostic {
                error_type: "InvalidImage".to_owned(),
                error_message: format!("failure {number}"),
            };
            failures.remember(&number.to_string(), &answer);
        }
        assert!(failures.recall("0").is_none());
        for number in [1, CAPACITY] {
            let answer = failures.recall(&number.to_string()).expect("remembered");
            assert_eq!(answer.error_message, format!("failure {number}"));
        }
    }
}
