//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Interval between checks of a condition.
const INTERVAL: Duration = Duration::from_millis(5);

/// Time limit for events that should take well under a second.
pub const SOON: Duration = Duration::from_secs(30);

/// Polls `condition` until it returns a value. After `limit`, fails with an error that names
/// `what`.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("{what}: not within {} s", limit.as_secs());
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that polls")]
fn pause() {
    std::thread::sleep(INTERVAL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_first_value() {
        let mut polls = 0;
        let answer = until("three polls", SOON, || {
            polls += 1;
            Ok((polls == 3).then_some(polls))
        });
        assert_eq!(answer.unwrap(), 3);
    }

    #[test]
    fn a_timeout_names_what_was_awaited() {
        let error = until::<()>("a blue moon", Duration::ZERO, || Ok(None)).unwrap_err();
        assert_eq!(error.to_string(), "a blue moon: not within 0 s");
    }
}
