//! Checks of single arguments, with messages that suggest what to write instead.

mod schedule;

use std::collections::BTreeMap;

use lambda::completion::is_bus_name;
use lambda::filters::Filter;
use lambda::tag_suffix::TagSuffix;
use tfplugin_sdk::validators::{self, Validator};
use tfplugin_sdk::{AttributePath, Diagnostic, Diagnostics, Value};

use super::names::{MAX_NAME, OWNER_TAG, is_name_char};
use super::tags::Tags;
use crate::aws::tag_fault;
pub(super) use schedule::schedule;

/// Retention periods offered by CloudWatch Logs, in days; 0 keeps logs forever.
const RETENTIONS: [i64; 23] = [
    0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// Maximum number of tags: AWS allows 50, and one is the builder's own.
const MAX_TAGS: usize = 49;
/// Maximum length of a value in a message in characters.
const MAX_QUOTED: usize = 100;

/// Quotes a value, shortening it if it is long.
pub(super) fn quote(text: &str) -> String {
    if text.chars().count() <= MAX_QUOTED {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(MAX_QUOTED).collect();
    format!("{head:?} and more")
}

/// Checks that a string is one of the given words, and suggests the word that was probably meant.
pub(super) fn one_of(allowed: &'static [&'static str]) -> Validator {
    validators::string(move |text| {
        if allowed.contains(&text) {
            return Ok(());
        }
        let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_', ' '], "");
        let meant = allowed
            .iter()
            .map(|word| (distance(&plain(text), &plain(word)), word))
            .min()
            .filter(|(distance, word)| *distance <= word.len() / 3);
        let words: Vec<String> = allowed.iter().map(|word| format!("{word:?}")).collect();
        let mut detail = format!("Got {}, want one of {}.", quote(text), words.join(", "));
        if let Some((_, word)) = meant {
            detail.push_str(&format!(" Write {word:?}."));
        }
        Err(Diagnostic::error("Value not allowed", detail))
    })
}

/// Returns the number of letters to change, insert or delete (Levenshtein distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // Longer texts are not misspelled words.
    for (i, x) in a.chars().take(MAX_QUOTED).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Checks that every character of a string is allowed, and that the string is not too long.
fn word(
    summary: &'static str,
    want: &'static str,
    max: usize,
    allowed: fn(char) -> bool,
) -> Validator {
    validators::string(move |text| {
        if (1..=max).contains(&text.chars().count()) && text.chars().all(allowed) {
            return Ok(());
        }
        let mut detail = format!("Got {}, want {want}.", quote(text));
        let repaired: String = text.trim().replace([' ', '.', '/'], "-");
        if !repaired.is_empty() && repaired.len() <= max && repaired.chars().all(allowed) {
            detail.push_str(&format!(" Write {repaired:?}."));
        }
        Err(Diagnostic::error(summary, detail))
    })
}

pub(super) fn name() -> Validator {
    const WANT: &str = "1 to 36 letters, digits, - and _: the names of the functions, roles and \
                        the rule are derived from it and have at most 64 characters";
    const { assert!(MAX_NAME == 36) };
    word("Invalid name", WANT, MAX_NAME, is_name_char)
}

pub(super) fn tag_suffix() -> Validator {
    let want = "1 to 64 letters, digits, and . _ - to append to a tag";
    const { assert!(TagSuffix::MAX_LENGTH == 64) };
    word(
        "Invalid tag suffix",
        want,
        TagSuffix::MAX_LENGTH,
        TagSuffix::allows,
    )
}

pub(super) fn event_bus() -> Validator {
    validators::string(|text| {
        if is_bus_name(text) {
            return Ok(());
        }
        let mut detail = format!(
            "Got {}, want the name of an event bus: 1 to 256 letters, digits, and . _ - /.",
            quote(text)
        );
        if let Some((_, name)) = text.split_once(":event-bus/") {
            detail.push_str(&format!(" Write its name, {name:?}, instead of its ARN."));
        }
        Err(Diagnostic::error("Invalid event bus", detail))
    })
}

pub(super) fn role_path() -> Validator {
    validators::string(|text| {
        let inside = |c: char| ('!'..='~').contains(&c);
        let good = text.len() <= 512
            && text.starts_with('/')
            && text.ends_with('/')
            && !text.contains("//")
            && text.chars().all(inside);
        if good {
            return Ok(());
        }
        let mut detail = format!(
            "Got {}, want a path that starts and ends with a slash, such as \"/teams/images/\", \
             of at most 512 characters.",
            quote(text)
        );
        let repaired = format!("/{}/", text.trim_matches('/'));
        if repaired != text && text.chars().all(inside) && !text.contains("//") && text.len() < 500
        {
            detail.push_str(&format!(" Write {repaired:?}."));
        }
        Err(Diagnostic::error("Invalid role path", detail))
    })
}

pub(super) fn retention() -> Validator {
    Validator::from(|value: &Value| {
        let Some(number) = value.as_number() else {
            return Ok(());
        };
        if number
            .as_i64()
            .is_some_and(|days| RETENTIONS.contains(&days))
        {
            return Ok(());
        }
        let days: Vec<String> = RETENTIONS.iter().map(ToString::to_string).collect();
        let mut detail = format!(
            "Got {number}, want a number of days that CloudWatch Logs supports: {}. 0 keeps logs \
             forever.",
            days.join(", ")
        );
        let wanted = number.as_f64();
        let longer = RETENTIONS[1..].iter().find(|days| **days as f64 >= wanted);
        if let Some(longer) = longer.filter(|_| wanted > 0.0) {
            detail.push_str(&format!(" Write {longer} for at least {number}."));
        }
        Err(Diagnostic::error("Invalid log retention", detail))
    })
}

pub(super) fn sources() -> Validator {
    Validator::from(|value: &Value| match value.as_list() {
        Some([]) => {
            let detail = "Without a source no image would be indexed. Omit the argument to index \
                          images that are pushed.";
            Err(Diagnostic::error("No source", detail))
        }
        _ => Ok(()),
    })
}

pub(super) fn architectures() -> Validator {
    Validator::new(|value| {
        let mut found = Diagnostics::new();
        let items = value.as_list().unwrap_or_default();
        if items.len() != 1 {
            let detail = format!(
                "Got {} architectures, want one: [\"x86_64\"] or [\"arm64\"]. It applies to the \
                 functions; either indexes images of every architecture.",
                items.len()
            );
            found.push(Diagnostic::error("Invalid architectures", detail));
        }
        found
    })
}

/// Splits an ARN into service, region, account and resource. Returns `None` if it is malformed.
fn arn(text: &str) -> Option<(&str, &str, &str, &str)> {
    let mut parts = text.splitn(6, ':');
    let (head, partition) = (parts.next()?, parts.next()?);
    let (service, region) = (parts.next()?, parts.next()?);
    let (account, resource) = (parts.next()?, parts.next()?);
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = head == "arn"
        && partition.starts_with("aws")
        && partition.chars().all(lower)
        && region.chars().all(lower)
        && (account.is_empty()
            || account == "aws"
            || account.len() == 12 && account.chars().all(|c| c.is_ascii_digit()))
        && !resource.is_empty()
        // In IAM, wildcards would match more than one resource.
        && resource.chars().all(|c| ('!'..='~').contains(&c) && !"*?\"\\".contains(c));
    good.then_some((service, region, account, resource))
}

pub(super) fn key_arn() -> Validator {
    validators::string(|text| {
        let is_key = |resource: &str| {
            let id = resource.strip_prefix("key/");
            id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
        };
        match arn(text) {
            Some(("kms", region, account, resource))
                if is_key(resource) && !region.is_empty() && account.len() == 12 =>
            {
                Ok(())
            }
            _ => {
                let mut detail = format!(
                    "Got {}, want the ARN of a KMS key, such as \
                     \"arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\".",
                    quote(text)
                );
                if text.contains("alias/") {
                    detail.push_str(
                        " IAM policies cannot name an alias: write the key's own ARN, which is \
                         target_key_arn of aws_kms_alias.",
                    );
                }
                Err(Diagnostic::error("Invalid KMS key", detail))
            }
        }
    })
}

pub(super) fn code_signing_config() -> Validator {
    validators::string(|text| match arn(text) {
        Some(("lambda", region, account, resource))
            if !region.is_empty()
                && account.len() == 12
                && resource.starts_with("code-signing-config:csc-") =>
        {
            Ok(())
        }
        _ => {
            let detail = format!(
                "Got {}, want the ARN of a code signing configuration, such as \
                 \"arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdefg\".",
                quote(text)
            );
            Err(Diagnostic::error(
                "Invalid code signing configuration",
                detail,
            ))
        }
    })
}

pub(super) fn policy_arn() -> Validator {
    validators::string(|text| match arn(text) {
        Some(("iam", "", account, resource))
            if !account.is_empty() && resource.starts_with("policy/") && resource.len() > 7 =>
        {
            Ok(())
        }
        _ => {
            let detail = format!(
                "Got {}, want the ARN of a managed policy, such as \
                 \"arn:aws:iam::123456789012:policy/images\".",
                quote(text)
            );
            Err(Diagnostic::error("Invalid policy ARN", detail))
        }
    })
}

pub(super) fn destination() -> Validator {
    validators::string(|text| {
        let refuse = |why: &str| Err(Diagnostic::error("Invalid destination", why.to_owned()));
        let placed = |region: &str, account: &str| !region.is_empty() && account.len() == 12;
        match arn(text) {
            Some(("sqs" | "sns", region, account, resource)) if placed(region, account) => {
                if resource.ends_with(".fifo") {
                    return refuse(&format!(
                        "Got {}. Lambda does not send to FIFO queues or topics: use a standard \
                         one.",
                        quote(text)
                    ));
                }
                Ok(())
            }
            Some(("lambda", region, account, resource))
                if placed(region, account) && resource.starts_with("function:") =>
            {
                Ok(())
            }
            Some(("events", region, account, resource))
                if placed(region, account) && resource.starts_with("event-bus/") =>
            {
                Ok(())
            }
            Some(("s3", "", "", bucket)) if !bucket.contains('/') => Ok(()),
            _ => refuse(&format!(
                "Got {}, want the ARN of an SQS queue, an SNS topic, a Lambda function, an \
                 EventBridge bus or an S3 bucket, such as \
                 \"arn:aws:sqs:eu-west-1:123456789012:failed-images\".",
                quote(text)
            )),
        }
    })
}

/// Checks IDs such as `subnet-0123456789abcdef0`.
pub(super) fn ids(prefix: &'static str) -> Validator {
    Validator::new(move |value| {
        let mut found = Diagnostics::new();
        for id in value.as_list().into_iter().flatten() {
            let Some(text) = id.as_str() else { continue };
            let rest = text.strip_prefix(prefix);
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if !rest.is_some_and(|rest| (1..=32).contains(&rest.len()) && rest.chars().all(hex)) {
                let detail = format!(
                    "Got {}, want an ID such as \"{prefix}0123456789abcdef0\".",
                    quote(text)
                );
                found.push(Diagnostic::error("Invalid ID", detail));
            }
        }
        found
    })
}

pub(super) fn tags() -> Validator {
    Validator::new(|value| {
        let mut found = Diagnostics::new();
        let items = value.as_map();
        let count = items.map_or(0, BTreeMap::len);
        if count > MAX_TAGS {
            let detail = format!(
                "Got {count} tags, want at most {MAX_TAGS}: AWS allows 50, and one is the \
                 builder's own."
            );
            found.push(Diagnostic::error("Too many tags", detail));
        }
        for (key, value) in items.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let wrong = match key == OWNER_TAG {
                true => Some(format!(
                    "The tag {OWNER_TAG:?} is reserved: the builder uses it to recognize its \
                     parts. Remove it."
                )),
                false => tag_fault(key, value),
            };
            if let Some(detail) = wrong {
                let path = AttributePath::new().key(key);
                found.push(Diagnostic::error("Invalid tag", detail).at(path));
            }
        }
        found
    })
}

/// Checks tags combined with the provider's `default_tags`.
///
/// # Errors
/// If there are too many, a service does not allow one, or one is the builder's own.
pub(super) fn all_tags(tags: &Tags) -> Result<(), Diagnostic> {
    let refuse = |summary: &str, detail: String| {
        let detail = format!(
            "{detail} These are the tags of the builder and the provider's default_tags together."
        );
        Err(Diagnostic::error(summary, detail).at("tags"))
    };
    let count = tags.len();
    if count > MAX_TAGS {
        let detail = format!(
            "Got {count} tags, want at most {MAX_TAGS}: AWS allows 50, and one is the builder's \
             own."
        );
        return refuse("Too many tags", detail);
    }
    // IAM does not distinguish keys that differ only in case.
    let mut seen: BTreeMap<String, &str> = [(OWNER_TAG.to_owned(), OWNER_TAG)].into();
    for (key, value) in tags {
        if let Some(fault) = tag_fault(key, value) {
            return refuse("Invalid tag", fault);
        }
        match seen.insert(key.to_lowercase(), key) {
            Some(OWNER_TAG) => {
                let detail = format!(
                    "The tag {key:?} is reserved: the builder uses it to recognize its parts; \
                     remove it."
                );
                return refuse("Invalid tag", detail);
            }
            Some(first) => {
                let detail = format!(
                    "The keys {first:?} and {key:?} differ only in case, which IAM treats as the \
                     same key. Remove one."
                );
                return refuse("Invalid tag", detail);
            }
            None => {}
        }
    }
    Ok(())
}

pub(super) fn filters() -> Validator {
    validators::each(validators::string(|text| {
        text.parse::<Filter>().map(drop).map_err(|error| {
            Diagnostic::error(
                "Invalid filter",
                format!("{}.", capital(&error.to_string())),
            )
        })
    }))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests;
