//! The rule's event pattern, which discards events that no filter can match before any function
//! runs.
//!
//! It uses exact values, prefixes and suffixes. (EventBridge limits wildcards: a rule accepts few
//! of them, and a bus few such rules.) A filter with other wildcards is represented by the text
//! before the first or after the last of them. Exclusions are included if no other condition on the
//! same field is needed, since two cannot be combined. The pattern may therefore pass more than the
//! filters select, but never less: the event filter decides.

use std::collections::{BTreeMap, BTreeSet};

use lambda::event::{DeletionEvent, RESULT, SOURCE};
use lambda::filters::Filter;
use lambda::scope::{IndexVersion, Scope};
use lambda::source::{Source, Sources};
use serde_json::{Value as Json, json};

/// Maximum length of a pattern in characters (EventBridge quota).
pub(super) const MAX_CHARACTERS: usize = 2048;

/// A condition on a string.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    Any,
    Exact(String),
    Prefix(String),
    Suffix(String),
}

impl Condition {
    /// Returns the narrowest condition that passes everything that matches `pattern`.
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

    /// Returns the condition that passes exactly what matches `pattern`, if there is one.
    fn exactly(pattern: &str) -> Option<Self> {
        let condition = Self::of(pattern);
        let wild = match &condition {
            Self::Any => pattern,
            Self::Exact(_) => "",
            Self::Prefix(text) => &pattern[text.len()..],
            Self::Suffix(text) => &pattern[..pattern.len() - text.len()],
        };
        wild.bytes().all(|b| b == b'*').then_some(condition)
    }

    /// Returns whether this condition passes everything that `other` passes.
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

/// Conditions, at least one of which must hold.
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

    /// Returns the condition as JSON, or `None` if everything passes.
    fn json(&self) -> Option<Vec<Json>> {
        self.0.iter().map(Condition::json).collect()
    }
}

/// Values to discard in a field without any other condition.
struct Excluded<'a> {
    scope: &'a Scope,
    repositories: AnyOf,
    /// Suffixes of tags, in addition to that of the builder's own output.
    suffixes: BTreeSet<String>,
}

impl<'a> Excluded<'a> {
    /// Collects the exclusions that concern only one field.
    fn of(filters: &[Filter], scope: &'a Scope) -> Self {
        let (mut repositories, mut suffixes) = (AnyOf::default(), BTreeSet::new());
        for filter in filters {
            let repository = Condition::exactly(filter.repository());
            let tag = Condition::exactly(filter.tag());
            match (repository, tag) {
                (Some(Condition::Any), Some(Condition::Suffix(suffix))) => {
                    suffixes.insert(suffix);
                }
                (Some(repository), Some(Condition::Any)) if repository != Condition::Any => {
                    repositories.add(repository);
                }
                _ => {}
            }
        }
        Self {
            scope,
            repositories,
            suffixes,
        }
    }

    /// Returns the condition on repositories if all others pass. It can contain only one kind of
    /// value, so the most frequent kind is used.
    fn repositories(&self) -> Option<Vec<Json>> {
        let (mut names, mut prefixes, mut suffixes) = (Vec::new(), Vec::new(), Vec::new());
        for condition in &self.repositories.0 {
            match condition {
                Condition::Any => {}
                Condition::Exact(text) => names.push(text),
                Condition::Prefix(text) => prefixes.push(text),
                Condition::Suffix(text) => suffixes.push(text),
            }
        }
        let most = names.len().max(prefixes.len()).max(suffixes.len());
        let values = if most == 0 {
            return None;
        } else if names.len() == most {
            json!(names)
        } else if prefixes.len() == most {
            json!({"prefix": prefixes})
        } else {
            json!({"suffix": suffixes})
        };
        Some(vec![json!({"anything-but": values})])
    }

    /// Returns the conditions on tags if all others pass.
    fn tags(&self) -> Vec<Json> {
        let own = self.scope.suffix.as_str();
        let suffixes = if self.suffixes.is_empty() {
            json!(own)
        } else {
            let more = self.suffixes.iter().map(String::as_str);
            json!(BTreeSet::from_iter(more.chain([own])))
        };
        let mut conditions = vec![json!({"anything-but": {"suffix": suffixes}})];
        let version = self.scope.version;
        if version.is_some_and(IndexVersion::takes_untagged) {
            conditions.push(json!({"exists": false}));
        }
        conditions
    }
}

/// Returns the event pattern for a builder that may also handle deletions.
pub(super) fn pattern(
    filters: &[Filter],
    excluded: &[Filter],
    scope: &Scope,
    with_deletions: bool,
) -> String {
    // Grouped by tag, so that filters that differ only in the repository become one condition.
    let mut groups: BTreeMap<Condition, AnyOf> = BTreeMap::new();
    let (mut repositories, mut tags) = (AnyOf::default(), AnyOf::default());
    for filter in filters {
        let (repository, tag) = conditions(filter);
        groups
            .entry(tag.clone())
            .or_default()
            .add(repository.clone());
        repositories.add(repository);
        tags.add(tag);
    }
    // Groups with the same repositories are merged as well.
    let mut alike: BTreeMap<AnyOf, AnyOf> = BTreeMap::new();
    for (tag, repositories) in groups {
        alike.entry(repositories).or_default().add(tag);
    }
    let candidates = |excluded: &Excluded<'_>| {
        [
            if alike.len() > 1 {
                let groups = alike.iter().map(|(r, t)| group(r, t, excluded).into());
                let either: Vec<Json> = groups.collect();
                [("$or".to_owned(), either.into())].into_iter().collect()
            } else {
                group(&repositories, &tags, excluded)
            },
            group(&repositories, &tags, excluded),
            group(&AnyOf::any(), &tags, excluded),
            group(&repositories, &AnyOf::any(), excluded),
            group(&AnyOf::any(), &AnyOf::any(), excluded),
        ]
    };
    let (all, none) = (Excluded::of(excluded, scope), Excluded::of(&[], scope));
    // Exclusions are dropped before filters are.
    let candidates = candidates(&all).into_iter().zip(candidates(&none));
    let candidates = candidates.flat_map(|(with, without)| [with, without]);
    let whole = |detail| whole(detail, &scope.sources, with_deletions);
    let mut candidates = candidates.map(whole);
    let fits = candidates.find(|pattern| pattern.chars().count() <= MAX_CHARACTERS);
    fits.unwrap_or_else(|| whole(group(&AnyOf::any(), &AnyOf::any(), &none)))
}

/// Returns the conditions on repository and tag. Along with other conditions, exclusions are left
/// to the event filter, because two conditions on one field cannot be combined.
fn group(
    repositories: &AnyOf,
    tags: &AnyOf,
    excluded: &Excluded<'_>,
) -> serde_json::Map<String, Json> {
    let mut group = serde_json::Map::new();
    if let Some(conditions) = repositories.json().or_else(|| excluded.repositories()) {
        group.insert("repository-name".to_owned(), conditions.into());
    }
    let tags = tags.json().unwrap_or_else(|| excluded.tags());
    group.insert("image-tag".to_owned(), tags.into());
    group
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

/// Returns the pattern with these conditions on repository and tag. Events of a pull-through cache
/// have their own status in place of action and result.
fn whole(
    mut detail: serde_json::Map<String, Json>,
    sources: &Sources,
    with_deletions: bool,
) -> String {
    let mut actions: Vec<&str> = sources.iter().filter_map(Source::action).collect();
    let mut detail_types: Vec<&str> = sources.iter().map(Source::detail_type).collect();
    if with_deletions {
        actions.push(DeletionEvent::ACTION);
        // The same type as for pushes.
        if !detail_types.contains(&DeletionEvent::DETAIL_TYPE) {
            detail_types.push(DeletionEvent::DETAIL_TYPE);
        }
    }
    let are_cached = sources.contains(Source::PullThroughCache);
    let mut insert = |field: &str, values: &[&str], is_optional: bool| {
        let mut values: Vec<Json> = values.iter().map(|value| json!(value)).collect();
        if is_optional {
            values.push(json!({"exists": false}));
        }
        detail.insert(field.to_owned(), values.into());
    };
    if !actions.is_empty() {
        insert("action-type", &actions, are_cached);
        insert("result", &[RESULT], are_cached);
    }
    if are_cached {
        insert("sync-status", &[RESULT], !actions.is_empty());
    }
    json!({
        "source": [SOURCE],
        "detail-type": detail_types,
        "detail": detail,
    })
    .to_string()
}

#[cfg(test)]
mod tests;
