//! Checks of what a configuration says, with messages that say what to write instead.

use std::collections::BTreeMap;

use lambda::environment;
use lambda::filters::Filter;
use lambda::tag_suffix::TagSuffix;
use tfplugin_sdk::validators::{self, Validator};
use tfplugin_sdk::{AttributePath, Diagnostic, Diagnostics, Value};

use super::names::{MAX_NAME, OWNER_TAG};
use super::policy;
use super::settings::Settings;
use crate::aws::Account;
use crate::bundle::Function;

/// Days that CloudWatch can keep logs; 0 keeps them for ever.
const RETENTIONS: [i64; 23] = [
    0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// Of the 50 tags that a thing can have, one is the builder's own.
const MAX_TAGS: usize = 49;
/// Of a value in a message.
const MAX_QUOTED: usize = 100;

fn quote(text: &str) -> String {
    if text.chars().count() <= MAX_QUOTED {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(MAX_QUOTED).collect();
    format!("{head:?} and more")
}

/// One of some words; a near miss gets the word that was meant.
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

/// How many letters have to be changed, added or left out.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // Nobody means one of the words with more.
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

/// A text of which every character is allowed, and not too many.
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
                        the rule are made from it and have at most 64 characters";
    const { assert!(MAX_NAME == 36) };
    word("Invalid name", WANT, MAX_NAME, |c| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
    })
}

pub(super) fn tag_suffix() -> Validator {
    let want = "1 to 64 letters, digits, and . _ -, which are appended to a tag";
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
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        if (1..=256).contains(&text.len()) && text.chars().all(allowed) {
            return Ok(());
        }
        let mut detail = format!(
            "Got {}, want the name of an event bus: 1 to 256 letters, digits, and . _ - /.",
            quote(text)
        );
        if let Some((_, name)) = text.split_once(":event-bus/") {
            detail.push_str(&format!(" Write its name, {name:?}, and not its ARN."));
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
            "Got {}, want a path that begins and ends with a slash, such as \"/teams/images/\", \
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
            "Got {number}, want a number of days that CloudWatch offers: {}. 0 keeps logs for \
             ever.",
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

pub(super) fn architectures() -> Validator {
    Validator::new(|value| {
        let mut found = Diagnostics::new();
        let items = value.as_list().unwrap_or_default();
        if items.len() != 1 {
            let detail = format!(
                "Got {} architectures, want one: [\"x86_64\"] or [\"arm64\"]. It is that of the \
                 functions; images of every architecture are indexed by either.",
                items.len()
            );
            found.push(Diagnostic::error("Invalid architectures", detail));
        }
        found
    })
}

/// The parts of an ARN, if it has the right shape.
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
        // IAM would take a wildcard for more than one thing.
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
                        " An alias cannot be named in a policy: write the key's own ARN, which \
                         aws_kms_alias has as target_key_arn.",
                    );
                }
                Err(Diagnostic::error("Invalid KMS key", detail))
            }
        }
    })
}

pub(super) fn permissions_boundary() -> Validator {
    validators::string(|text| match arn(text) {
        Some(("iam", "", account, resource))
            if !account.is_empty() && resource.starts_with("policy/") && resource.len() > 7 =>
        {
            Ok(())
        }
        _ => {
            let detail = format!(
                "Got {}, want the ARN of a managed policy, such as \
                 \"arn:aws:iam::123456789012:policy/boundary\".",
                quote(text)
            );
            Err(Diagnostic::error("Invalid permissions boundary", detail))
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
                        "Got {}. Lambda does not send to FIFO queues and topics: use a standard \
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

/// Ids such as `subnet-0123456789abcdef0`.
pub(super) fn ids(prefix: &'static str) -> Validator {
    Validator::new(move |value| {
        let mut found = Diagnostics::new();
        for id in value.as_list().into_iter().flatten() {
            let Some(text) = id.as_str() else { continue };
            let rest = text.strip_prefix(prefix);
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if !rest.is_some_and(|rest| (1..=32).contains(&rest.len()) && rest.chars().all(hex)) {
                let detail = format!(
                    "Got {}, want an id such as \"{prefix}0123456789abcdef0\".",
                    quote(text)
                );
                found.push(Diagnostic::error("Invalid id", detail));
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
            let wrong = if key.to_ascii_lowercase().starts_with("aws:") {
                Some("The prefix \"aws:\" is AWS's own: use another.".to_owned())
            } else if key == OWNER_TAG {
                Some(format!(
                    "The tag {OWNER_TAG:?} is the builder's own, which it finds its parts by: \
                     leave it out."
                ))
            } else if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
                Some("A key has 1 to 128 characters, a value at most 256.".to_owned())
            } else {
                None
            };
            if let Some(detail) = wrong {
                let path = AttributePath::new().key(key);
                found.push(Diagnostic::error("Invalid tag", detail).at(path));
            }
        }
        found
    })
}

/// Together with the provider's `default_tags`.
pub(super) fn all_tags(tags: &Value) -> Result<(), Diagnostic> {
    let items = tags.as_map();
    let count = items.map_or(0, BTreeMap::len);
    if count > MAX_TAGS {
        let detail = format!(
            "The builder's tags and the provider's default_tags are {count} together, want at \
             most {MAX_TAGS}: AWS allows 50, and one is the builder's own."
        );
        return Err(Diagnostic::error("Too many tags", detail).at("tags"));
    }
    if items.is_some_and(|items| items.contains_key(OWNER_TAG)) {
        let detail = format!(
            "The tag {OWNER_TAG:?} is the builder's own, which it finds its parts by: leave it \
             out of the provider's default_tags."
        );
        return Err(Diagnostic::error("Invalid tag", detail));
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

/// What takes more than one attribute, or more than one filter.
pub(super) fn whole(config: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    filters_together(config, &mut found);
    if let Value::List(items) = config.get("repository_image_tag_filters")
        && items.is_empty()
    {
        let detail = "Without a filter no image would be indexed. Write [\"*:*\"] for every \
                      image, or leave the attribute out.";
        let path = "repository_image_tag_filters";
        found.push(Diagnostic::error("No filter", detail).at(path));
    }
    if !found.has_errors() {
        sizes(config, &mut found);
    }
    found
}

fn filters_together(config: &Value, found: &mut Diagnostics) {
    let suffix = config.get("tag_suffix");
    let suffix = match suffix {
        Value::Null => Some(TagSuffix::default()),
        known => known.as_str().and_then(|text| text.parse().ok()),
    };
    let items = config.get("repository_image_tag_filters").as_list();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, item) in items.into_iter().flatten().enumerate() {
        let path = AttributePath::from("repository_image_tag_filters").index(index);
        let Some(text) = item.as_str() else {
            if item.is_null() {
                let detail = "A filter is null. Write repository:tag, or leave it out.";
                found.push(Diagnostic::error("Invalid filter", detail).at(path));
            }
            continue;
        };
        if let Some(first) = seen.get(text) {
            let detail = format!(
                "Filter {} is here twice, first as number {}. Leave one out.",
                quote(text),
                first + 1
            );
            found.push(Diagnostic::error("Filter twice", detail).at(path));
            continue;
        }
        seen.insert(text, index);
        if let (Ok(filter), Some(suffix)) = (text.parse::<Filter>(), &suffix)
            && suffix.ends(filter.tag())
        {
            let detail = format!(
                "Filter {} matches only tags that end in {:?}, as those of SOCI-enabled \
                 images do; they are never indexed again. Leave the filter out, or choose \
                 another tag_suffix.",
                quote(text),
                suffix.as_str()
            );
            found.push(Diagnostic::error("Filter without effect", detail).at(path));
        }
    }
}

/// Limits of AWS that many filters run into.
fn sizes(config: &Value, found: &mut Diagnostics) {
    let mut settings = Settings::new(config.get("name").as_str().unwrap_or("soci-index-builder"));
    let filters = config.get("repository_image_tag_filters");
    if !filters.is_wholly_known() {
        return;
    }
    let filters = filters.as_list().unwrap_or_default().iter();
    settings.repository_image_tag_filters = filters
        .filter_map(|filter| filter.as_str().map(str::to_owned))
        .collect();
    // As long as they get.
    let account = Account {
        id: "123456789012".to_owned(),
        partition: "aws-us-gov".to_owned(),
        region: "ap-southeast-1".to_owned(),
    };
    let path = "repository_image_tag_filters";
    let generator = account.function_arn(&"x".repeat(64));
    let variables = settings.filter_environment(&generator);
    let bytes: usize = variables.iter().map(|(name, v)| name.len() + v.len()).sum();
    if bytes > environment::MAX_BYTES {
        let detail = format!(
            "The filters take too much room: they are handed to the function in its environment, \
             which would have {bytes} bytes of at most {}. Join filters with wildcards, such as \
             \"shop/*:*\", or spread them over several builders.",
            environment::MAX_BYTES
        );
        found.push(Diagnostic::error("Too many filters", detail).at(path));
        return;
    }
    let document = policy::policy(Function::IndexGenerator, &settings, &account).to_string();
    if document.len() > policy::MAX_CHARACTERS {
        let detail = format!(
            "The filters name too many repositories: the policy of the index generator would \
             have {} characters of at most {}. Join repositories with wildcards, such as \
             \"shop/*:*\", or spread the filters over several builders.",
            document.len(),
            policy::MAX_CHARACTERS
        );
        found.push(Diagnostic::error("Too many repositories", detail).at(path));
    }
}

#[cfg(test)]
mod tests;
