//! Checks of a configuration across several arguments or filters.

mod filters;

use lambda::environment::MAX_BYTES;
use tfplugin_sdk::{Diagnostic, Diagnostics, Value};

use super::arguments::Arguments;
use super::{environment, policy};
use crate::aws::Account;
use crate::bundle::Function;
pub(super) use filters::{FILTERS, filters_alone};

/// Checks a configuration that may contain unknown values.
pub(super) fn validate(config: &Value) -> Diagnostics {
    let mut found = filters::validate(config);
    if !found.has_errors() {
        found.extend(sizes(config));
    }
    found.extend(stopped(config));
    found.extend(destination_key(config));
    found.extend(deletions(config));
    found
}

/// Rejects `delete_with_source` for V1, whose indexes Amazon ECR deletes along with their image.
fn deletions(config: &Value) -> Option<Diagnostic> {
    let name = "delete_with_source";
    let is_v1 = config.get("index_version").as_str() == Some("V1");
    if !is_v1 || config.get(name).as_bool() != Some(true) {
        return None;
    }
    let detail = format!(
        "{name} is for index_version = \"V2\", whose indexes have tags of their own. Amazon ECR \
         deletes an index of version V1 with its image: remove {name}."
    );
    Some(Diagnostic::error("Argument without effect", detail).at(name))
}

/// Rejects a key for a destination for which Lambda needs none.
fn destination_key(config: &Value) -> Option<Diagnostic> {
    let (name, of) = (
        "on_failure_destination_kms_key_arn",
        "on_failure_destination_arn",
    );
    config.get(name).as_str()?;
    let destination = config.get(of);
    let detail = match destination.as_str() {
        None if destination.is_null() => format!(
            "{name} is the key of the destination in {of}, which is not set. Set it too, or \
             remove the key."
        ),
        Some(arn) if matches!(policy::service(arn), Some("lambda" | "events")) => format!(
            "Sending to a Lambda function or an EventBridge event bus needs no permission for a \
             key: remove {name}. (The policy of a bus's key allows EventBridge to use it.)"
        ),
        _ => return None,
    };
    Some(Diagnostic::error("Key without effect", detail).at(name))
}

/// Warns about a stopped index generator whose events are lost.
fn stopped(config: &Value) -> Option<Diagnostic> {
    let reserved = config.get("reserved_concurrent_executions");
    let is_stopped = *reserved == Value::from(0_i64);
    if !is_stopped || !config.get("on_failure_destination_arn").is_null() {
        return None;
    }
    let detail = "The value 0 stops the index generator: images pushed meanwhile are not indexed, \
                  and their events are lost; only a later sweep finds these images. Set \
                  on_failure_destination_arn to keep the events, or sweep_schedule or \
                  index_existing = true when the index generator starts again.";
    let warning = Diagnostic::warning("Pushed images are not indexed", detail);
    Some(warning.at("reserved_concurrent_executions"))
}

/// Checks AWS limits that many filters or files may exceed. Unknown values count as unset.
fn sizes(config: &Value) -> Diagnostics {
    let known = config.as_map().into_iter().flatten();
    let known = known.filter(|(_, value)| value.is_wholly_known());
    let known = Value::object(known.map(|(name, value)| (name, value.clone())));
    // Anything that cannot be read is already an error.
    let Ok(arguments) = Arguments::read(&known) else {
        return Diagnostics::new();
    };
    // The longest possible values.
    let account = Account {
        id: "123456789012".to_owned(),
        partition: "aws-us-gov".to_owned(),
        region: "ap-southeast-1".to_owned(),
    };
    let generator = account.function_arn(&"x".repeat(64));
    let bytes = environment::bytes(&environment::event_filter(&arguments, &generator));
    if bytes > MAX_BYTES {
        let detail = format!(
            "The filters and exclusions are too long: they are passed to the event filter in its \
             environment, which would take {bytes} bytes, want at most {MAX_BYTES}. Combine filters \
             with wildcards, such as \"shop/*:*\", or distribute them over several builders."
        );
        return Diagnostic::error("Too many filters", detail)
            .at(FILTERS)
            .into();
    }
    let bytes = environment::bytes(&environment::index_generator(&arguments));
    if bytes > MAX_BYTES {
        let detail = format!(
            "The files to prefetch are passed to the index generator in its environment, which \
             would take {bytes} bytes, want at most {MAX_BYTES} (a quota of AWS Lambda). Name fewer \
             files, or distribute the images over several builders."
        );
        return Diagnostic::error("Too many files to prefetch", detail)
            .at("prefetch_files")
            .into();
    }
    // The event filter's policy, which may allow sweeps, names them with fewer actions.
    let document = policy::policy(Function::IndexGenerator, &arguments, &account).to_string();
    if document.len() > policy::MAX_CHARACTERS {
        let detail = format!(
            "The filters name too many repositories: the IAM policy of the index generator would \
             have {} characters, want at most {}. Combine repositories with wildcards, such as \
             \"shop/*:*\", or distribute the filters over several builders.",
            document.len(),
            policy::MAX_CHARACTERS
        );
        return Diagnostic::error("Too many repositories", detail)
            .at(FILTERS)
            .into();
    }
    Diagnostics::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_filters(filters: Vec<Value>) -> Vec<String> {
        let found = validate(&Value::object([(FILTERS, Value::List(filters))]));
        found
            .iter()
            .map(|d| format!("{}: {}: {}", d.path, d.summary, d.detail))
            .collect()
    }

    #[test]
    fn a_stopped_generator_without_a_destination_is_a_warning() {
        let found = |reserved: i64, destination: Value| {
            validate(&Value::object([
                ("reserved_concurrent_executions", reserved.into()),
                ("on_failure_destination_arn", destination),
            ]))
        };
        let warnings = found(0, Value::Null);
        assert_eq!(warnings.iter().count(), 1);
        assert!(!warnings.has_errors());
        assert_eq!(found(1, Value::Null).iter().count(), 0);
        assert_eq!(found(0, Value::Unknown).iter().count(), 0);
        assert_eq!(
            found(0, "arn:aws:sqs:eu-west-1:1:q".into()).iter().count(),
            0
        );
    }

    #[test]
    fn indexes_of_v1_need_no_deletion() {
        let found = |version: Value, delete: Value| {
            let config = [("index_version", version), ("delete_with_source", delete)];
            validate(&Value::object(config)).iter().count()
        };
        assert_eq!(found("V1".into(), true.into()), 1);
        for (version, delete) in [
            ("V2".into(), true.into()),
            ("V1".into(), false.into()),
            (Value::Null, true.into()),
            (Value::Unknown, true.into()),
            ("V1".into(), Value::Unknown),
        ] {
            assert_eq!(found(version, delete), 0);
        }
    }

    #[test]
    fn a_key_needs_a_destination_that_is_encrypted_with_it() {
        let key = "arn:aws:kms:eu-west-1:123456789012:key/k";
        for (destination, want) in [
            (Value::Null, Some("which is not set")),
            ("arn:aws:events:r:1:event-bus/b".into(), Some("remove")),
            ("arn:aws:lambda:r:1:function:f".into(), Some("remove")),
            ("arn:aws:sqs:r:1:q".into(), None),
            ("arn:aws:sns:r:1:t".into(), None),
            ("arn:aws:s3:::b".into(), None),
            (Value::Unknown, None),
        ] {
            let found = validate(&Value::object([
                ("on_failure_destination_arn", destination.clone()),
                ("on_failure_destination_kms_key_arn", key.into()),
            ]));
            let details: Vec<&str> = found.iter().map(|d| &*d.detail).collect();
            match want {
                Some(want) => assert!(details[0].contains(want), "{details:?}"),
                None => assert!(details.is_empty(), "{destination:?}: {details:?}"),
            }
        }
    }

    #[test]
    fn files_to_prefetch_fit_into_the_environment() {
        let found = |count: usize| {
            let files = (0..count).map(|n| format!("/usr/lib/some/library-{n:03}.so").into());
            validate(&Value::object([(
                "prefetch_files",
                Value::List(files.collect()),
            )]))
        };
        assert!(found(100).is_empty());
        let found = found(150);
        let found: Vec<_> = found.iter().collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path.to_string(), "prefetch_files");
        assert!(found[0].detail.contains("want at most 4096"), "{found:?}");
    }

    #[test]
    fn filters_are_checked_together() {
        let numbered = |count: usize, text: fn(usize) -> String| -> Vec<Value> {
            (0..count).map(|n| text(n).into()).collect()
        };
        for (filters, want) in [
            (
                vec!["a:*".into(), Value::Unknown, "a:*".into()],
                format!("{FILTERS}[2]: Duplicate filter"),
            ),
            (
                vec!["a:*-soci".into()],
                format!("{FILTERS}[0]: Filter without effect"),
            ),
            (vec![Value::Null], format!("{FILTERS}[0]: Invalid filter")),
            (Vec::new(), format!("{FILTERS}: No filter")),
            (
                numbered(200, |n| format!("some/quite/long/name/{n}:*")),
                format!("{FILTERS}: Too many filters"),
            ),
            (
                numbered(300, |n| format!("{n}:*")),
                format!("{FILTERS}: Too many repositories"),
            ),
        ] {
            let found = of_filters(filters);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(&want), "{found:?}");
        }
        assert!(of_filters(vec!["a:*".into(), "b:1".into(), Value::Unknown]).is_empty());
        assert!(validate(&Value::object([(FILTERS, Value::Unknown)])).is_empty());
        assert!(validate(&Value::object([("name", Value::Unknown)])).is_empty());
    }
}
