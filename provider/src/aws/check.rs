//! Validation of the AWS settings before any request.

use std::time::Duration;

use tfplugin_sdk::{AttributePath, Diagnostic, Diagnostics, Value, timeouts};

use super::settings::ENDPOINTS;
use super::tags::tag_fault;

type Checked = Result<(), Diagnostic>;

fn refuse(summary: &str, detail: String) -> Checked {
    Err(Diagnostic::error(summary, detail))
}

/// Quotes a value for a message, shortening it if it is long.
fn quote(text: &str) -> String {
    format!("{:?}", text.chars().take(100).collect::<String>())
}

pub(super) fn not_empty(text: &str) -> Checked {
    if text.is_empty() {
        let detail = "Got an empty string. Set a value, or remove the argument.";
        return refuse("Empty value", detail.to_owned());
    }
    Ok(())
}

/// Returns whether a text has the form of a region name. Regions become part of host names.
pub(crate) fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().unwrap_or_default();
    let words: Vec<_> = parts.collect();
    text.len() <= 32
        && (2..=4).contains(&words.len())
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
        && words
            .iter()
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
}

/// Rejects a text that is not a region.
pub(crate) fn region(text: &str) -> Checked {
    if is_region(text) {
        return Ok(());
    }
    let detail = format!(
        "Got {}. Want the name of a region, such as \"eu-west-1\".",
        quote(text)
    );
    refuse("Invalid AWS region", detail)
}

pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn account_id(text: &str) -> Checked {
    if is_account_id(text) {
        return Ok(());
    }
    let detail = format!(
        "Got {}. Want the twelve digits of an account, quoted to keep leading zeros, such as \
         \"012345678901\".",
        quote(text)
    );
    refuse("Invalid AWS account ID", detail)
}

pub(super) fn url(text: &str) -> Checked {
    let refuse = |reason: &str| {
        // The text may contain a password.
        let detail = format!("The URL {reason}. Want one such as \"https://vpce.example.com\".");
        refuse("Invalid endpoint URL", detail)
    };
    let Ok(url) = url::Url::parse(text) else {
        return refuse("cannot be parsed");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return refuse("does not start with https:// or http:// and a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("has a user name, which AWS services do not accept");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("has a query or a fragment");
    }
    Ok(())
}

/// Checks that a text has the form `arn:<partition>:iam::<account>:<kind>/<name>`.
fn iam_arn(text: &str, kind: &str) -> Result<(), String> {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts[..] else {
        return Err("it does not have the six parts of an ARN".to_owned());
    };
    let name = resource
        .strip_prefix(kind)
        .and_then(|r| r.strip_prefix('/'));
    let owner = is_account_id(account) || kind == "policy" && account == "aws";
    if arn != "arn" || !partition.starts_with("aws") || service != "iam" || !region.is_empty() {
        return Err("it is not an IAM ARN".to_owned());
    }
    if !owner {
        return Err("its account does not have twelve digits".to_owned());
    }
    if name.is_none_or(str::is_empty) {
        return Err(format!("it is not the ARN of a {kind}"));
    }
    Ok(())
}

pub(super) fn role_arn(text: &str) -> Checked {
    iam_arn(text, "role").or_else(|reason| {
        let detail = format!(
            "Got {}: {reason}. Want one such as \"arn:aws:iam::123456789012:role/deploy\".",
            quote(text)
        );
        refuse("Invalid role ARN", detail)
    })
}

pub(super) fn policy_arn(text: &str) -> Checked {
    iam_arn(text, "policy").or_else(|reason| {
        let detail = format!(
            "Got {}: {reason}. Want one such as \"arn:aws:iam::aws:policy/ReadOnlyAccess\".",
            quote(text)
        );
        refuse("Invalid policy ARN", detail)
    })
}

pub(super) fn policy(text: &str) -> Checked {
    let document = serde_json::from_str::<serde_json::Value>(text);
    if document.is_ok_and(|document| document.is_object()) {
        return Ok(());
    }
    let detail = "The policy is not a JSON object. Write it with jsonencode({ … }), or with the \
                  data source aws_iam_policy_document.";
    refuse("Invalid policy", detail.to_owned())
}

/// Returns whether session names, source identities and external IDs may contain a character.
fn of_session(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

pub(super) fn session_name(text: &str) -> Checked {
    if (2..=64).contains(&text.len()) && text.chars().all(of_session) {
        return Ok(());
    }
    let detail = format!(
        "Got {}. Want 2 to 64 letters, digits, and _ + = , . @ -.",
        quote(text)
    );
    refuse("Invalid name", detail)
}

pub(super) fn external_id(text: &str) -> Checked {
    let allowed = |c| of_session(c) || matches!(c, ':' | '/');
    if (2..=1224).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    // Half of a secret, so it is not shown.
    let detail = "Want 2 to 1224 letters, digits, and _ + = , . @ : / -.";
    refuse("Invalid external ID", detail.to_owned())
}

pub(super) fn session_duration(text: &str) -> Checked {
    const LEAST: Duration = Duration::from_secs(15 * 60);
    const MOST: Duration = Duration::from_secs(12 * 60 * 60);
    match timeouts::parse_duration(text) {
        Ok(duration) if (LEAST..=MOST).contains(&duration) => Ok(()),
        Ok(_) => {
            let detail = format!("Got {}. Want \"15m\" to \"12h\".", quote(text));
            refuse("Invalid duration", detail)
        }
        Err(error) => refuse("Invalid duration", format!("{error}.")),
    }
}

pub(super) fn tags(value: &Value) -> Checked {
    for (key, value) in value.as_map().into_iter().flatten() {
        if let Some(fault) = tag_fault(key, value.as_str().unwrap_or_default()) {
            let path = AttributePath::new().key(key);
            return refuse("Invalid tag", fault).map_err(|d| d.at(path));
        }
    }
    Ok(())
}

/// Checks combinations of attributes.
pub(super) fn across(config: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    let missing = |name: &str| config.get(name).is_null();
    let present = |name: &str| !missing(name);
    for (one, other) in [
        ("access_key", "secret_key"),
        ("secret_key", "access_key"),
        ("token", "access_key"),
    ] {
        if present(one) && missing(other) {
            let detail = format!("{one} is set, but {other} is not. Set both, or neither.");
            found.push(Diagnostic::error("Incomplete AWS credentials", detail).at(one));
        }
    }
    if present("allowed_account_ids") && present("forbidden_account_ids") {
        let detail = "allowed_account_ids and forbidden_account_ids are both set. Keep one: \
                      accounts that are not allowed are forbidden anyway.";
        let conflict = Diagnostic::error("Conflicting account IDs", detail);
        found.push(conflict.at("forbidden_account_ids"));
    }
    if let Some(allowed) = config.get("allowed_account_ids").as_list()
        && allowed.is_empty()
    {
        let detail = "allowed_account_ids is empty, so no account is allowed. List the accounts, \
                      or remove the argument.";
        found.push(Diagnostic::error("No AWS account allowed", detail).at("allowed_account_ids"));
    }
    web_identity(config, &mut found);
    endpoints(config, &mut found);
    found
}

fn web_identity(config: &Value, found: &mut Diagnostics) {
    let name = "assume_role_with_web_identity";
    let blocks = config.get(name).as_list().unwrap_or_default();
    for (index, block) in blocks.iter().enumerate() {
        if block.is_unknown() {
            continue;
        }
        let path = AttributePath::from(name).index(index);
        let missing = |attribute: &str| block.get(attribute).is_null();
        let unset = |variable: &str| std::env::var_os(variable).is_none_or(|v| v.is_empty());
        if missing("role_arn") && unset("AWS_ROLE_ARN") {
            let detail = "Set role_arn, or the environment variable AWS_ROLE_ARN.";
            let path = path.attribute("role_arn");
            found.push(Diagnostic::error("Missing role", detail).at(path));
        }
        match (
            missing("web_identity_token"),
            missing("web_identity_token_file"),
        ) {
            (false, false) => {
                let detail = "web_identity_token and web_identity_token_file are both set. Keep \
                              one.";
                let conflict = Diagnostic::error("Conflicting tokens", detail);
                found.push(conflict.at(path.attribute("web_identity_token_file")));
            }
            (true, true) if unset("AWS_WEB_IDENTITY_TOKEN_FILE") => {
                let detail = "Set web_identity_token or web_identity_token_file, or the \
                              environment variable AWS_WEB_IDENTITY_TOKEN_FILE.";
                let path = path.attribute("web_identity_token");
                found.push(Diagnostic::error("Missing token", detail).at(path));
            }
            _ => {}
        }
    }
}

fn endpoints(config: &Value, found: &mut Diagnostics) {
    let blocks = config.get("endpoints").as_list().unwrap_or_default();
    for service in ENDPOINTS {
        let set = |block: &Value| !block.get(service).is_null();
        let mut those = blocks.iter().enumerate().filter(|(_, block)| set(block));
        let _first = those.next();
        for (index, _) in those {
            let detail = format!(
                "An endpoints block above already sets the endpoint of {service}. Keep one."
            );
            let path = AttributePath::from("endpoints").index(index);
            let path = path.attribute(service);
            found.push(Diagnostic::error("Endpoint set twice", detail).at(path));
        }
    }
}

#[cfg(test)]
mod tests;
