//! Numbers of any size and precision.
//!
//! Terraform calculates with 512 bits and reads `0.1` as exactly one tenth,
//! which no `f64` can represent. Fractions are therefore kept as text, so that
//! a provider returns exactly what it received.

use std::cmp::Ordering;
use std::fmt;

/// A number: an integer, or the exact text of any other number.
#[derive(Clone)]
pub struct Number(Repr);

#[derive(Clone)]
enum Repr {
    Int(i64),
    /// Only for values above `i64::MAX`.
    UInt(u64),
    /// Received as a binary float, and sent back as one.
    Float(f64),
    /// Canonical, and not one of the integers above.
    Decimal(String),
}

/// Form of a number in MessagePack.
pub(crate) enum Wire<'a> {
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(&'a str),
}

impl Number {
    /// Reads a decimal number such as `-12`, `0.5` or `1e3`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Bounds the work on hostile input.
        if text.len() > 4096 {
            return None;
        }
        let canonical = canonical(text)?;
        if let Ok(int) = canonical.parse() {
            return Some(Self(Repr::Int(int)));
        }
        if let Ok(int) = canonical.parse() {
            return Some(Self(Repr::UInt(int)));
        }
        Some(Self(Repr::Decimal(canonical)))
    }

    /// Creates a number from a received binary float. Returns `None` unless it
    /// is finite.
    pub(crate) fn from_wire_float(float: f64) -> Option<Self> {
        if !float.is_finite() {
            return None;
        }
        match Self::parse(&float.to_string())? {
            Self(Repr::Decimal(_)) => Some(Self(Repr::Float(float))),
            integer => Some(integer),
        }
    }

    pub(crate) fn to_wire(&self) -> Wire<'_> {
        match &self.0 {
            Repr::Int(int) => Wire::Int(*int),
            Repr::UInt(int) => Wire::UInt(*int),
            Repr::Float(float) => Wire::Float(*float),
            Repr::Decimal(text) => Wire::Text(text),
        }
    }

    /// Returns the value if it is an integer in the range of `i64`.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Repr::Int(int) => Some(int),
            _ => None,
        }
    }

    /// Returns the value if it is an integer in the range of `u64`.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self.0 {
            Repr::Int(int) => u64::try_from(int).ok(),
            Repr::UInt(int) => Some(int),
            _ => None,
        }
    }

    /// Returns the nearest `f64`.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            #[allow(clippy::cast_precision_loss, reason = "the nearest one is asked for")]
            Repr::Int(int) => *int as f64,
            #[allow(clippy::cast_precision_loss, reason = "the nearest one is asked for")]
            Repr::UInt(int) => *int as f64,
            Repr::Float(float) => *float,
            Repr::Decimal(text) => text.parse().unwrap_or(f64::NAN),
        }
    }
}

/// Returns the plain notation without superfluous zeros, or `None` if the text
/// is not a number.
fn canonical(text: &str) -> Option<String> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
        || exponent.unsigned_abs() > 4096
    {
        return None;
    }

    // All digits, and the position of the decimal point among them.
    let mut digits = format!("{whole}{fraction}");
    let mut point = i32::try_from(whole.len()).ok()? + exponent;
    if point < 0 {
        digits.insert_str(0, &"0".repeat(point.unsigned_abs() as usize));
        point = 0;
    }
    let point = usize::try_from(point).ok()?;
    if digits.len() < point {
        digits.push_str(&"0".repeat(point - digits.len()));
    }
    let (whole, fraction) = digits.split_at(point);
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && !(whole == "0" && fraction.is_empty()) {
        "-"
    } else {
        ""
    };
    Some(if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(int) => int.fmt(f),
            Repr::UInt(int) => int.fmt(f),
            Repr::Float(float) => float.fmt(f),
            Repr::Decimal(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Int(a), Repr::Int(b)) => a.cmp(b),
            (Repr::UInt(a), Repr::UInt(b)) => a.cmp(b),
            // The text distinguishes numbers that share the same f64.
            _ => self
                .as_f64()
                .total_cmp(&other.as_f64())
                .then_with(|| self.to_string().cmp(&other.to_string())),
        }
    }
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self(Repr::Int(int))
    }
}

impl From<u64> for Number {
    fn from(int: u64) -> Self {
        Self(i64::try_from(int).map_or(Repr::UInt(int), Repr::Int))
    }
}

impl Number {
    /// Creates the shortest decimal that parses back to `float`, as a person
    /// would write it. Returns `None` unless `float` is finite.
    #[must_use]
    pub fn from_f64(float: f64) -> Option<Self> {
        float.is_finite().then(|| Self::parse(&float.to_string()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms() {
        let table = [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("007", "7"),
            ("+1", "1"),
            ("1.50", "1.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1000"),
            ("1.25E1", "12.5"),
            ("125e-1", "12.5"),
            ("1e-3", "0.001"),
            ("-12.340e-1", "-1.234"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "18446744073709551616"),
            ("-9223372036854775809", "-9223372036854775809"),
        ];
        for (text, want) in table {
            assert_eq!(
                Number::parse(text).map(|n| n.to_string()).as_deref(),
                Some(want),
                "{text}"
            );
        }
        for text in [
            "", "-", ".", "e", "1e", "1e99999", "0x10", "1_000", "NaN", "inf", "1.2.3", "--1",
        ] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn equal_by_value() {
        assert_eq!(Number::from_f64(2.0), Some(Number::from(2_i64)));
        assert_eq!(Number::from_wire_float(0.5), Number::parse("0.50"));
        assert_ne!(
            Number::parse("9007199254740993.5"),
            Number::parse("9007199254740993.4")
        );
        assert!(Number::from(u64::MAX) > Number::from(i64::MAX));
        assert!(Number::parse("-1.5") < Number::parse("-1"));
        assert_eq!(Number::from_f64(f64::NAN), None);
        assert_eq!(Number::from_wire_float(f64::INFINITY), None);
    }

    #[test]
    fn converts() {
        assert_eq!(Number::from(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Number::from(u64::MAX).as_i64(), None);
        assert_eq!(Number::from(-1_i64).as_u64(), None);
        assert_eq!(Number::parse("1.5").and_then(|n| n.as_i64()), None);
    }
}
