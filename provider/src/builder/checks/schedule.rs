//! Checks of a schedule according to EventBridge's rules. They run during the plan, because
//! EventBridge only reports that a schedule is not valid.

use tfplugin_sdk::Diagnostic;
use tfplugin_sdk::validators::{self, Validator};

use super::quote;

/// A field of a cron expression: its name, its minimum and maximum, and names for its numbers, the
/// first of which stands for the minimum.
struct Field {
    name: &'static str,
    lowest: u16,
    highest: u16,
    names: &'static [&'static str],
    /// Additional forms that the field accepts.
    special: Special,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    None,
    DayOfMonth,
    DayOfWeek,
}

const FIELDS: [Field; 6] = [
    Field {
        name: "minutes",
        lowest: 0,
        highest: 59,
        names: &[],
        special: Special::None,
    },
    Field {
        name: "hours",
        lowest: 0,
        highest: 23,
        names: &[],
        special: Special::None,
    },
    Field {
        name: "day of month",
        lowest: 1,
        highest: 31,
        names: &[],
        special: Special::DayOfMonth,
    },
    Field {
        name: "month",
        lowest: 1,
        highest: 12,
        names: &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
        special: Special::None,
    },
    Field {
        name: "day of week",
        lowest: 1,
        highest: 7,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        special: Special::DayOfWeek,
    },
    Field {
        name: "year",
        lowest: 1970,
        highest: 2199,
        names: &[],
        special: Special::None,
    },
];

pub(in crate::builder) fn schedule() -> Validator {
    validators::string(|text| {
        check(text).map_err(|fault| {
            let detail = format!("Got {}: {fault}", quote(text));
            Diagnostic::error("Invalid schedule", detail)
        })
    })
}

/// Returns what is wrong with a schedule and what to write instead. An empty text means no
/// schedule.
fn check(text: &str) -> Result<(), String> {
    let inside = |kind: &str| {
        text.strip_prefix(kind)?
            .strip_prefix('(')?
            .strip_suffix(')')
    };
    if text.is_empty() {
        Ok(())
    } else if let Some(rate) = inside("rate") {
        check_rate(rate)
    } else if let Some(cron) = inside("cron") {
        check_cron(cron)
    } else {
        Err(
            "want a rate such as \"rate(1 day)\", a cron expression such as \"cron(0 3 * * ? *)\", \
             or \"\" for no schedule."
                .to_owned(),
        )
    }
}

fn check_rate(rate: &str) -> Result<(), String> {
    let want = "want a number and a unit, minutes, hours or days, such as \"rate(12 hours)\".";
    let (number, unit) = rate.split_once(' ').ok_or(want)?;
    let is_number = !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    if !is_number
        || !(1..=5).contains(&number.len())
        || !["minute", "hour", "day"].contains(&singular)
    {
        return Err(want.to_owned());
    }
    let meant = match number {
        "1" => singular.to_owned(),
        _ => format!("{singular}s"),
    };
    match meant == unit {
        true => Ok(()),
        false => Err(format!("write \"rate({number} {meant})\".")),
    }
}

fn check_cron(cron: &str) -> Result<(), String> {
    let values: Vec<&str> = cron.split(' ').collect();
    if values.len() != FIELDS.len() {
        return Err(format!(
            "want six fields with a space between them (minutes, hours, day of month, month, day of \
             week, year), got {}; such as \"cron(0 3 * * ? *)\".",
            values.len()
        ));
    }
    for (field, value) in FIELDS.iter().zip(&values) {
        if !field.takes(value) {
            let Field {
                name,
                lowest,
                highest,
                ..
            } = field;
            return Err(format!(
                "{} is not a valid value of {name}, want numbers from {lowest} to {highest}, such \
                 as {lowest}, {lowest}-{highest}, */2 or *.",
                quote(value)
            ));
        }
    }
    match (values[2], values[4]) {
        ("?", "?") => Err(
            "the day of month and the day of week are both \"?\": write \"*\" for one \
                           of them."
                .to_owned(),
        ),
        ("?", _) | (_, "?") => Ok(()),
        _ => Err(
            "either the day of month or the day of week has to be \"?\", such as in \
             \"cron(0 3 * * ? *)\"."
                .to_owned(),
        ),
    }
}

impl Field {
    fn takes(&self, value: &str) -> bool {
        let is_day = self.special != Special::None;
        value == "?" && is_day || value.split(',').all(|item| self.takes_item(item))
    }

    fn takes_item(&self, item: &str) -> bool {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, Some(step)),
            None => (item, None),
        };
        let is_step =
            |step: &str| number(step).is_some_and(|step| (1..=self.highest).contains(&step));
        let is_base = base == "*"
            || self.number(base).is_some()
            || base
                .split_once('-')
                .is_some_and(|(from, to)| self.number(from).is_some() && self.number(to).is_some());
        is_base && step.is_none_or(is_step) || self.takes_special(item)
    }

    /// Returns whether the field accepts the last or nearest of certain days.
    fn takes_special(&self, item: &str) -> bool {
        match self.special {
            Special::None => false,
            Special::DayOfMonth => {
                item == "L"
                    || item == "LW"
                    || item
                        .strip_suffix('W')
                        .is_some_and(|day| self.number(day).is_some())
            }
            Special::DayOfWeek => {
                item == "L"
                    || item
                        .strip_suffix('L')
                        .is_some_and(|day| self.number(day).is_some())
                    || item.split_once('#').is_some_and(|(day, week)| {
                        self.number(day).is_some() && matches!(number(week), Some(1..=5))
                    })
            }
        }
    }

    fn number(&self, text: &str) -> Option<u16> {
        let named = self.names.iter().position(|name| *name == text);
        let named = named.and_then(|index| u16::try_from(index).ok());
        let number = named
            .map(|index| self.lowest + index)
            .or_else(|| number(text))?;
        (self.lowest..=self.highest)
            .contains(&number)
            .then_some(number)
    }
}

/// Parses a number that consists only of digits.
fn number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_of_eventbridge() {
        for valid in [
            "",
            "rate(1 minute)",
            "rate(1 day)",
            "rate(12 hours)",
            "cron(0 3 * * ? *)",
            "cron(0/15 8-17 ? * MON-FRI *)",
            "cron(5,35 */2 1,15 JAN,JUL ? 2026-2030)",
            "cron(0 0 L * ? *)",
            "cron(0 0 3W * ? *)",
            "cron(0 0 ? * 6#3 *)",
            "cron(0 0 ? * 6L *)",
        ] {
            assert_eq!(check(valid), Ok(()), "{valid}");
        }
    }

    #[test]
    fn messages_say_what_to_write() {
        for (invalid, want) in [
            ("daily", "want a rate such as \"rate(1 day)\""),
            ("rate(1 day) ", "want a rate such as"),
            ("Rate(1 day)", "want a rate such as"),
            ("at(2026-01-01T00:00:00)", "want a rate such as"),
            ("rate(1 days)", "write \"rate(1 day)\"."),
            ("rate(2 day)", "write \"rate(2 days)\"."),
            ("rate(0 days)", "want a number and a unit"),
            ("rate(-1 days)", "want a number and a unit"),
            ("rate(1 week)", "want a number and a unit"),
            ("rate(1day)", "want a number and a unit"),
            ("rate()", "want a number and a unit"),
            ("rate(999999 days)", "want a number and a unit"),
            ("cron(0 3 * * *)", "want six fields"),
            ("cron(0  3 * * ? *)", "got 7"),
            (
                "cron(60 3 * * ? *)",
                "\"60\" is not a valid value of minutes, want numbers from 0 to 59",
            ),
            (
                "cron(0 3 * FOO ? *)",
                "\"FOO\" is not a valid value of month",
            ),
            ("cron(0 3 * * ? 1969)", "not a valid value of year"),
            ("cron(? 3 * * ? *)", "not a valid value of minutes"),
            ("cron(+1 3 * * ? *)", "not a valid value of minutes"),
            ("cron(*/0 3 * * ? *)", "not a valid value of minutes"),
            ("cron(0 3 ? * 8 *)", "not a valid value of day of week"),
            ("cron(0 3 * * * *)", "has to be \"?\""),
            ("cron(0 3 ? * ? *)", "both \"?\""),
        ] {
            let fault = check(invalid).expect_err(invalid);
            assert!(fault.contains(want), "{invalid}: {fault}");
        }
    }
}
