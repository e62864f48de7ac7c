//! The time that everything in a release has.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use zip::DateTime;

/// Environment variable with the time, in seconds since 1970, as <https://reproducible-builds.org> has it.
const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// Reads the time from the environment.
    pub(crate) fn from_environment() -> Result<Self> {
        let text = std::env::var(VARIABLE).context(VARIABLE)?;
        Self::parse(&text).with_context(|| format!("{VARIABLE}: got {text:?}, want seconds"))
    }

    /// Parses seconds since 1970, up to the last year that a zip can have.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let epoch = Self(text.parse().ok()?);
        epoch.dos().map(|_| epoch)
    }

    pub(crate) fn seconds(self) -> u64 {
        self.0
    }

    /// Returns the time as `2026-01-02T03:04:05Z`.
    pub(crate) fn rfc3339(self) -> String {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.0);
        humantime::format_rfc3339_seconds(time).to_string()
    }

    /// Returns the time as zips have it, if it is one of theirs: they begin with 1980.
    pub(crate) fn dos(self) -> Option<DateTime> {
        // Of any later time, humantime could not tell the date.
        if self.0 > u64::from(u32::MAX) {
            return None;
        }
        let text = self.rfc3339();
        let numbers: Option<Vec<u16>> = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .map(|part| part.parse().ok())
            .collect();
        let [year, rest @ ..] = &numbers?[..] else {
            return None;
        };
        let rest: Vec<u8> = rest
            .iter()
            .filter_map(|part| (*part).try_into().ok())
            .collect();
        let [month, day, hour, minute, second] = rest[..] else {
            return None;
        };
        DateTime::from_date_and_time(*year, month, day, hour, minute, second).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_forms_of_archives() {
        let epoch = Epoch::parse("1767323045").unwrap();
        assert_eq!(epoch.rfc3339(), "2026-01-02T03:04:05Z");
        let dos = epoch.dos().unwrap();
        let date = (dos.year(), dos.month(), dos.day());
        assert_eq!(date, (2026, 1, 2));
        // Zips count every other second.
        assert_eq!((dos.hour(), dos.minute(), dos.second()), (3, 4, 4));
    }

    #[test]
    fn other_times_are_refused() {
        for text in [
            "",
            "yesterday",
            "-1",
            "0",
            "99999999999999999999",
            "9999999999999",
        ] {
            assert_eq!(Epoch::parse(text), None, "{text:?}");
        }
    }
}
