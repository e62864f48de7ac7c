//! The rule's event pattern: it drops, before any function runs, what no filter can match.
//!
//! EventBridge has exact values, prefixes and suffixes for that, which cost nothing. (Its
//! wildcards do: a rule takes few of them, and a bus few such rules.) A filter with other
//! wildcards is stood for by the part before the first of them, or after the last. So the
//! pattern may let more pass than the filters match, and never less: the event filter decides.

use std::collections::{BTreeMap, BTreeSet};

use lambda::event::{ACTION, DETAIL_TYPE, RESULT, SOURCE};
use lambda::filters::Filter;
use lambda::scope::IndexVersion;
use serde_json::{Value as Json, json};

use super::settings::Settings;

/// Characters of a pattern (EventBridge quota).
pub(super) const MAX_CHARACTERS: usize = 2048;

/// A condition on a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    Any,
    Exact(String),
    Prefix(String),
    Suffix(String),
}

impl Condition {
    /// The narrowest that everything passes which matches `pattern`.
    fn of(pattern: &str) -> Self {
        let wild = ['*', '?'];
        let Some(first) = pattern.find(wild) else {
            return Self::Exact(pattern.to_owned());
        };
        let last = pattern.rfind(wild).unwrap_or(first);
        match (&pattern[..first], &pattern[last + 1..]) {
            ("", "") => Self::Any,
            ("", suffix) => Self::Suffix(suffix.to_owned()),
            (prefix, suffix) if prefix.len() >= suffix.len() => Self::Prefix(prefix.to_owned()),
            (_, suffix) => Self::Suffix(suffix.to_owned()),
        }
    }

    /// Whether it passes everything that `other` passes.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Prefix(a), Self::Exact(b) | Self::Prefix(b)) => b.starts_with(a),
            (Self::Suffix(a), Self::Exact(b) | Self::Suffix(b)) => b.ends_with(a),
            _ => self == other,
        }
    }

    fn json(&self) -> Option<Json> {
        match self {
            Self::Any => None,
            Self::Exact(text) => Some(json!(text)),
            Self::Prefix(text) => Some(json!({"prefix": text})),
            Self::Suffix(text) => Some(json!({"suffix": text})),
        }
    }
}

/// Some conditions, of which one has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct AnyOf(BTreeSet<Condition>);

impl AnyOf {
    fn add(&mut self, condition: Condition) {
        if self.0.iter().any(|has| has.covers(&condition)) {
            return;
        }
        self.0.retain(|has| !condition.covers(has));
        self.0.insert(condition);
    }

    /// None if everything passes.
    fn json(&self) -> Option<Vec<Json>> {
        self.0.iter().map(Condition::json).collect()
    }
}

/// The event pattern for some filters.
pub(super) fn pattern(settings: &Settings) -> String {
    let filters = settings.filters();
    // By tag, so that filters which differ in the repository alone become one condition.
    let mut groups: BTreeMap<Condition, AnyOf> = BTreeMap::new();
    let (mut repositories, mut tags) = (AnyOf::default(), AnyOf::default());
    for filter in &filters {
        let (repository, tag) = conditions(filter);
        groups
            .entry(tag.clone())
            .or_default()
            .add(repository.clone());
        repositories.add(repository);
        tags.add(tag);
    }
    // And groups that are alike in their repositories become one as well.
    let mut alike: BTreeMap<AnyOf, AnyOf> = BTreeMap::new();
    for (tag, repositories) in groups {
        alike.entry(repositories).or_default().add(tag);
    }
    let group = |repositories: &AnyOf, tags: &AnyOf| {
        let mut group = serde_json::Map::new();
        if let Some(conditions) = repositories.json() {
            group.insert("repository-name".to_owned(), conditions.into());
        }
        group.insert(
            "image-tag".to_owned(),
            tag_conditions(tags, settings).into(),
        );
        group
    };

    let candidates = [
        if alike.len() > 1 {
            let either: Vec<Json> = alike.iter().map(|(r, t)| group(r, t).into()).collect();
            [("$or".to_owned(), either.into())].into_iter().collect()
        } else {
            group(&repositories, &tags)
        },
        group(&repositories, &tags),
        group(&AnyOf::any(), &tags),
        group(&repositories, &AnyOf::any()),
    ];
    let mut candidates = candidates.into_iter().map(whole);
    let fits = candidates.find(|pattern| pattern.chars().count() <= MAX_CHARACTERS);
    fits.unwrap_or_else(|| whole(group(&AnyOf::any(), &AnyOf::any())))
}

impl AnyOf {
    fn any() -> Self {
        Self([Condition::Any].into())
    }
}

fn conditions(filter: &Filter) -> (Condition, Condition) {
    (
        Condition::of(filter.repository()),
        Condition::of(filter.tag()),
    )
}

/// Where every tag passes, those of SOCI-enabled images still do not. Two conditions on one
/// field cannot be joined, so with other conditions the event filter leaves them out.
fn tag_conditions(tags: &AnyOf, settings: &Settings) -> Vec<Json> {
    if let Some(conditions) = tags.json() {
        return conditions;
    }
    let mut conditions = vec![json!({"anything-but": {"suffix": settings.tag_suffix}})];
    let version: Option<IndexVersion> = settings.index_version.parse().ok();
    if version.is_some_and(IndexVersion::takes_untagged) {
        conditions.push(json!({"exists": false}));
    }
    conditions
}

fn whole(mut detail: serde_json::Map<String, Json>) -> String {
    detail.insert("action-type".to_owned(), json!([ACTION]));
    detail.insert("result".to_owned(), json!([RESULT]));
    json!({
        "source": [SOURCE],
        "detail-type": [DETAIL_TYPE],
        "detail": detail,
    })
    .to_string()
}

#[cfg(test)]
mod tests;
