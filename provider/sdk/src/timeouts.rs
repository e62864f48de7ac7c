//! The conventional `timeouts` block, and durations in Go's format.
//!
//! ```
//! use std::time::Duration;
//! use tfplugin_sdk::{Schema, Value, timeouts};
//!
//! let schema = Schema::new().block("timeouts", timeouts::block(["create", "delete"]));
//! # let _ = schema;
//! let planned = Value::object([("timeouts", Value::object([("create", "1h30m".into())]))]);
//! let default = Duration::from_secs(20 * 60);
//! assert_eq!(timeouts::get(&planned, "create", default)?, Duration::from_secs(5400));
//! assert_eq!(timeouts::get(&planned, "delete", default)?, default);
//! # Ok::<(), tfplugin_sdk::Diagnostic>(())
//! ```

use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::path::AttributePath;
use crate::schema::{Attribute, Block};
use crate::validators;
use crate::value::Value;

/// Name of the block.
const BLOCK: &str = "timeouts";

/// Text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "duration {text:?}: {reason}; want numbers with the units h, m, s, ms, such as \"30m\" or \"1h30m\""
)]
pub struct DurationError {
    text: String,
    reason: &'static str,
}

/// Creates the block, with an optional duration for each operation: `create`, `read`, `update` or
/// `delete`.
pub fn block<'a>(operations: impl IntoIterator<Item = &'a str>) -> Block {
    let mut block = Block::single()
        .inert()
        .description("How long the operations may take.");
    for operation in operations {
        let description = format!(
            "How long to wait for {operation}, as a [duration](https://pkg.go.dev/time#ParseDuration) \
             such as `30m` or `1h30m`.",
        );
        let limit = duration().validate(validators::string(not_zero));
        block = block.attribute(operation, limit.description(description));
    }
    block
}

/// Creates an optional attribute that holds a duration.
pub fn duration() -> Attribute {
    Attribute::string()
        .optional()
        .validate(validators::string(|text| match parse_duration(text) {
            Ok(_) => Ok(()),
            Err(e) => Err(invalid(&e)),
        }))
}

/// Rejects a duration of zero. Invalid durations are rejected elsewhere.
fn not_zero(text: &str) -> Result<(), Diagnostic> {
    if parse_duration(text) != Ok(Duration::ZERO) {
        return Ok(());
    }
    Err(Diagnostic::error(
        "Invalid duration",
        format!("duration {text:?}: want more than zero."),
    ))
}

/// Returns the duration for an operation from a configuration or state.
///
/// # Errors
///
/// If the text is not a duration, which validation normally reports earlier.
pub fn get(value: &Value, operation: &str, default: Duration) -> Result<Duration, Diagnostic> {
    let duration = get_duration(value.get(BLOCK), operation);
    let at = |invalid: Diagnostic| invalid.at(AttributePath::from(BLOCK).attribute(operation));
    Ok(duration.map_err(at)?.unwrap_or(default))
}

/// Returns the duration that an attribute holds, if it is set.
///
/// # Errors
///
/// If the text is not a duration, which validation normally reports earlier.
pub fn get_duration(value: &Value, name: &str) -> Result<Option<Duration>, Diagnostic> {
    let text = value.get(name).as_str();
    let duration = text.map(parse_duration).transpose();
    duration.map_err(|e| invalid(&e).at(name))
}

fn invalid(error: &DurationError) -> Diagnostic {
    Diagnostic::error("Invalid duration", format!("{error}."))
}

/// Parses a duration such as `1h30m`, `1.5h`, `90s` or `500ms`, with the units h, m, s, ms, us,
/// `µs` and ns. Unlike in Go, it cannot be negative.
///
/// # Errors
///
/// If the text is not a duration, or exceeds about 580 years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let error = |reason| DurationError {
        text: text.chars().take(50).collect(),
        reason,
    };
    if text.starts_with('-') {
        return Err(error("it is negative"));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(error("it is empty"));
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, after) = rest.split_at(number_end.unwrap_or(rest.len()));
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, after) = after.split_at(unit_end.unwrap_or(after.len()));
        rest = after;

        let nanos: u128 = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1_000,
            "ns" => 1,
            "" => return Err(error("a number has no unit")),
            _ => return Err(error("a unit is not known")),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(error("a unit has no number"));
        }
        if fraction.contains('.') {
            return Err(error("a number has two decimal points"));
        }
        // The limit of eighteen digits keeps the products below from
        // overflowing.
        let digits = |part: &str| -> Option<u128> {
            if part.is_empty() {
                Some(0)
            } else {
                part.parse().ok()
            }
        };
        let whole = digits(whole.trim_start_matches('0')).filter(|w| *w < 10_u128.pow(19));
        let fraction = &fraction[..fraction.len().min(18)];
        let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(18));
        let (Some(whole), Some(fraction)) = (whole, digits(fraction)) else {
            return Err(error("it is too long"));
        };
        total += whole * nanos + fraction * nanos / scale;
    }
    u64::try_from(total)
        .map(Duration::from_nanos)
        .map_err(|_| error("it is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            ("0", 0),
            ("0s", 0),
            ("30m", 30 * 60_000),
            ("1h30m", 90 * 60_000),
            ("90s", 90_000),
            ("1.5h", 90 * 60_000),
            (".5s", 500),
            ("5.s", 5_000),
            ("500ms", 500),
            ("1000us", 1),
            ("1000µs", 1),
            ("1000000ns", 1),
            ("+1s", 1_000),
            ("1s1s", 2_000),
            ("0.0010000000000000000000000001s", 1),
            ("2540400h", 2_540_400 * 3_600_000),
        ];
        for (text, millis) in table {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn no_durations() {
        let long = "9".repeat(40) + "h";
        let table = [
            ("", "empty"),
            ("-1s", "negative"),
            ("10", "no unit"),
            ("1h30", "no unit"),
            ("s", "no number"),
            (".s", "no number"),
            ("1.2.3s", "two decimal points"),
            ("1d", "unit is not known"),
            ("1 h", "unit is not known"),
            ("one hour", "unit is not known"),
            ("9999999999h", "too long"),
            (&long, "too long"),
        ];
        for (text, want) in table {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn a_bad_one_is_reported_with_its_path() {
        let value = Value::object([("timeouts", Value::object([("read", "soon".into())]))]);
        let diagnostic = get(&value, "read", Duration::ZERO).unwrap_err();
        assert_eq!(diagnostic.path.to_string(), "timeouts.read");
        let none = Value::object([("timeouts", Value::Null)]);
        assert_eq!(get(&none, "read", Duration::ZERO), Ok(Duration::ZERO));
    }
}
