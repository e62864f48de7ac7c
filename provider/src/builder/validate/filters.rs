//! Checks of filters and exclusions, within each list and across both.

use std::collections::BTreeMap;

use lambda::filters::Filter;
use lambda::tag_suffix::TagSuffix;
use tfplugin_sdk::{AttributePath, Diagnostic, Diagnostics, Value};

use crate::builder::arguments::Arguments;
use crate::builder::checks::quote;

pub(in crate::builder) const FILTERS: &str = "repository_image_tag_filters";
pub(super) const EXCLUDED: &str = "excluded_image_tag_filters";

/// Checks filters and exclusions, some of which may be unknown.
pub(super) fn validate(config: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    let suffix = match config.get("tag_suffix") {
        Value::Null => Some(TagSuffix::default()),
        known => known.as_str().and_then(|text| text.parse().ok()),
    };
    for name in [FILTERS, EXCLUDED] {
        list(config, name, suffix.as_ref(), &mut found);
    }
    if let Value::List(items) = config.get(FILTERS)
        && items.is_empty()
    {
        let detail = "Without a filter no image would be indexed. Write [\"*:*\"] for every \
                      image, or omit the argument.";
        found.push(Diagnostic::error("No filter", detail).at(FILTERS));
    }
    if !found.has_errors() {
        found.extend(nothing_left(config));
    }
    found
}

/// Checks filters without knowing anything else about the builder.
pub(in crate::builder) fn filters_alone(filters: &Value) -> Diagnostics {
    validate(&Value::object([
        (FILTERS, filters.clone()),
        ("tag_suffix", Value::Unknown),
    ]))
}

/// Checks the elements of a list together.
fn list(config: &Value, name: &str, suffix: Option<&TagSuffix>, found: &mut Diagnostics) {
    let items = config.get(name).as_list();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, item) in items.into_iter().flatten().enumerate() {
        let path = AttributePath::from(name).index(index);
        let Some(text) = item.as_str() else {
            if item.is_null() {
                let detail = "A filter is null. Write repository:tag, or remove it.";
                found.push(Diagnostic::error("Invalid filter", detail).at(path));
            }
            continue;
        };
        if let Some(first) = seen.get(text) {
            let detail = format!(
                "Filter {} is listed twice, first at index {first}. Remove one of them.",
                quote(text)
            );
            found.push(Diagnostic::error("Duplicate filter", detail).at(path));
            continue;
        }
        seen.insert(text, index);
        if let (Ok(filter), Some(suffix)) = (text.parse::<Filter>(), suffix)
            && suffix.ends(filter.tag())
        {
            let (text, suffix) = (quote(text), suffix.as_str());
            let diagnostic = if name == EXCLUDED {
                // It does no harm.
                let detail = format!(
                    "Exclusion {text} matches only tags that end in {suffix:?}, which are those of \
                     SOCI-enabled images and never indexed. Remove it."
                );
                Diagnostic::warning("Exclusion without effect", detail)
            } else {
                let detail = format!(
                    "Filter {text} matches only tags that end in {suffix:?}, which are those of \
                     SOCI-enabled images and never indexed. Remove the filter, or choose another \
                     tag_suffix."
                );
                Diagnostic::error("Filter without effect", detail)
            };
            found.push(diagnostic.at(path));
        }
    }
}

/// Rejects exclusions that leave nothing of all filters, and warns about a filter of which they
/// leave nothing. Only a warning, because exclusions may be written independently of the filters.
fn nothing_left(config: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    let excluded = config.get(EXCLUDED).as_list().unwrap_or_default().iter();
    let excluded = excluded.filter_map(|item| item.as_str()?.parse::<Filter>().ok());
    let excluded: Vec<Filter> = excluded.collect();
    let default: Value = Arguments::default().repository_image_tag_filters.into();
    let filters = match config.get(FILTERS) {
        Value::Null => &default,
        filters => filters,
    };
    let filters = filters.as_list().unwrap_or_default();
    for (index, item) in filters.iter().enumerate() {
        let filter = item.as_str().and_then(|text| text.parse::<Filter>().ok());
        let Some(filter) = filter else { continue };
        if let Some(exclusion) = excluded.iter().find(|other| other.covers(&filter)) {
            let detail = format!(
                "Nothing is left of filter {}: the exclusion {} matches every image that it \
                 matches. Remove one of them.",
                quote(&filter.to_string()),
                quote(&exclusion.to_string())
            );
            let path = AttributePath::from(FILTERS).index(index);
            found.push(Diagnostic::warning("Filter without effect", detail).at(path));
        }
    }
    if filters.is_empty() || found.iter().count() < filters.len() {
        return found;
    }
    let detail = format!(
        "No image would be indexed: {EXCLUDED} matches every image that {FILTERS} matches. Exclude \
         less, or remove the exclusions."
    );
    Diagnostic::error("Every image excluded", detail)
        .at(EXCLUDED)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(filters: Value, excluded: Value) -> Vec<String> {
        let config = Value::object([(FILTERS, filters), (EXCLUDED, excluded)]);
        let found = validate(&config);
        let texts = found.iter().map(|d| {
            let kind = match d.severity {
                tfplugin_sdk::Severity::Error => "error",
                tfplugin_sdk::Severity::Warning => "warning",
            };
            format!("{kind} at {}: {}", d.path, d.summary)
        });
        texts.collect()
    }

    fn list(filters: &[&str]) -> Value {
        Value::List(filters.iter().map(|&filter| filter.into()).collect())
    }

    #[test]
    fn exclusions_are_checked_as_filters_are() {
        let all = list(&["*:*"]);
        for (excluded, want) in [
            (
                list(&["a:*", "a:*"]),
                "error at excluded_image_tag_filters[1]: Duplicate filter",
            ),
            (
                Value::List(vec![Value::Null]),
                "error at excluded_image_tag_filters[0]: Invalid filter",
            ),
            (
                list(&["*:*-soci"]),
                "warning at excluded_image_tag_filters[0]: Exclusion without effect",
            ),
        ] {
            assert_eq!(found(all.clone(), excluded), [want]);
        }
        for excluded in [
            list(&["a:*", "*:*-dev"]),
            list(&[]),
            Value::Null,
            Value::Unknown,
        ] {
            assert_eq!(found(all.clone(), excluded), [""; 0]);
        }
    }

    #[test]
    fn exclusions_that_leave_nothing_are_found() {
        let every = "error at excluded_image_tag_filters: Every image excluded";
        let one = "warning at repository_image_tag_filters[0]: Filter without effect";
        for (filters, excluded, want) in [
            (Value::Null, &["*:*"][..], &[every][..]),
            (list(&["*:*"]), &["*:*"], &[every]),
            (list(&["a:*", "b:1"]), &["a:*", "b:?"], &[every]),
            (list(&["a:*", "b:*"]), &["a:*", "b:?"], &[one]),
            (list(&["a:1-dev", "b:*"]), &["*:*-dev"], &[one]),
            (
                Value::List(vec!["a:1".into(), Value::Unknown]),
                &["a:*"],
                &[one],
            ),
            (list(&["a:*"]), &["a:1", "b:*"], &[]),
            (Value::Null, &["*:?*"], &[]),
            (Value::Unknown, &["*:*"], &[]),
        ] {
            assert_eq!(
                found(filters.clone(), list(excluded)),
                want,
                "{filters:?} {excluded:?}"
            );
        }
    }
}
