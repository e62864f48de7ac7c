//! Filters select the images to index: `repository:tag` with wildcards.
//!
//! `*` matches any number of characters and `?` exactly one. A filter must match all of
//! `repository:tag`; the tag of an image pushed without one is empty. Exclusions have the same
//! grammar. An image that matches one of them is not [selected](Selection), whatever else matches.
//!
//! In a function's environment, filters are a list separated by commas. Filters written for the
//! reference solution, such as a lone `*`, may be looser than [`Filter`] allows. The list accepts
//! them and matches them against the whole of `repository:tag`, as the reference solution does.

use std::fmt;
use std::str::FromStr;

use wildmatch::WildMatch;

use crate::grammar::{MAX_REPOSITORY, MAX_TAG, is_repository, is_repository_char, is_tag_char};

/// A filter such as `shop/*:v?.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    repository: String,
    tag: String,
}

/// The filters in a function's environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(Vec<Listed>);

/// The images to index, by repository and tag: those that match a filter but no exclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    filters: Filters,
    excluded: Filters,
}

/// Reasons why an image is not selected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unselected {
    /// The filters select other images.
    #[error("no filter matches")]
    NoFilter,
    /// An exclusion matches.
    #[error("it is excluded by {0:?}")]
    Excluded(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    text: String,
    filter: Result<Filter, InvalidFilter>,
}

/// A text that is not a valid filter, with the reason and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter {text:?}: {reason}")]
pub struct InvalidFilter {
    text: String,
    reason: String,
}

impl Filter {
    /// Returns the pattern of the repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns the pattern of the tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns whether the filter matches the whole of `repository:tag`.
    pub fn matches(&self, repository: &str, tag: &str) -> bool {
        // A name contains no colon, so the two halves can be matched separately.
        !repository.contains(':')
            && !tag.contains(':')
            && WildMatch::new(&self.repository).matches(repository)
            && WildMatch::new(&self.tag).matches(tag)
    }

    /// Returns whether the filter certainly matches everything that `other` matches.
    pub fn covers(&self, other: &Self) -> bool {
        pattern_covers(&self.repository, &other.repository) && pattern_covers(&self.tag, &other.tag)
    }
}

/// Returns whether a pattern matches every text that `other` matches. A `*` covers any part of the
/// other pattern, including wildcards. A `?` covers one character or a `?`, since both stand for
/// exactly one character.
fn pattern_covers(pattern: &str, other: &str) -> bool {
    let (pattern, other) = (normal(pattern), normal(other));
    // For each length, whether the pattern so far covers that many leading characters of the other
    // one.
    let mut covered: Vec<bool> = (0..=other.len()).map(|length| length == 0).collect();
    for symbol in pattern {
        let mut next = vec![symbol == '*' && covered[0]];
        for (index, &taken) in other.iter().enumerate() {
            next.push(match symbol {
                '*' => next[index] || covered[index + 1],
                '?' => covered[index] && taken != '*',
                literal => covered[index] && taken == literal,
            });
        }
        covered = next;
    }
    covered.last().copied().unwrap_or_default()
}

/// Normalizes a pattern: in each run of wildcards, `?` comes first, followed by at most one `*`.
fn normal(pattern: &str) -> Vec<char> {
    let mut symbols: Vec<char> = Vec::new();
    for symbol in pattern.chars() {
        match (symbols.last(), symbol) {
            (Some('*'), '*') => {}
            (Some('*'), '?') => symbols.insert(symbols.len() - 1, '?'),
            _ => symbols.push(symbol),
        }
    }
    symbols
}

impl FromStr for Filter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        let invalid = |reason: String| InvalidFilter {
            text: text.chars().take(400).collect(),
            reason,
        };
        if text.trim() != text {
            return Err(invalid(format!(
                "has leading or trailing white space; write {:?}",
                text.trim()
            )));
        }
        if let Some(advice) = without_braces(text) {
            return Err(invalid(advice));
        }
        if text.contains(',') {
            let parts = text.split(',').map(|part| format!("{:?}", part.trim()));
            let list: Vec<String> = parts.collect();
            return Err(invalid(format!(
                "is a list in one string; write it as a list of strings: [{}]",
                list.join(", ")
            )));
        }
        let Some((repository, tag)) = text.split_once(':') else {
            let reason = if text.is_empty() {
                "is empty; write repository:tag, such as \"*:*\" for every image".to_owned()
            } else {
                format!("has no colon; write repository:tag, such as \"{text}:*\" for every tag")
            };
            return Err(invalid(reason));
        };
        if repository.is_empty() {
            return Err(invalid(format!(
                "has no repository before the colon; write \"*:{tag}\" for every repository"
            )));
        }
        if tag.is_empty() {
            return Err(invalid(format!(
                "has no tag after the colon; write \"{repository}:*\" for every tag"
            )));
        }
        if let Some((host, rest)) = repository.split_once('/')
            && host.contains('.')
            && host.ends_with(".com")
        {
            return Err(invalid(format!(
                "names the registry; leave it out and write \"{rest}:{tag}\""
            )));
        }
        let wild = |c: char| matches!(c, '*' | '?');
        if let Some(c) = repository
            .chars()
            .find(|&c| !wild(c) && !is_repository_char(c))
        {
            let lower = repository.to_ascii_lowercase();
            let advice = if lower.chars().all(|c| wild(c) || is_repository_char(c)) {
                format!("write \"{lower}:{tag}\": repository names are in lower case")
            } else {
                "a repository has lower-case letters, digits, and . _ - /, besides the wildcards \
                 * and ?"
                    .to_owned()
            };
            return Err(invalid(format!("has {c:?} in the repository; {advice}")));
        }
        if let Some(c) = tag.chars().find(|&c| !wild(c) && !is_tag_char(c)) {
            return Err(invalid(format!(
                "has {c:?} in the tag; a tag has letters, digits, and . _ -, besides the \
                 wildcards * and ?"
            )));
        }
        if repository.len() > MAX_REPOSITORY || tag.len() > MAX_TAG {
            return Err(invalid(format!(
                "is too long; a repository has at most {MAX_REPOSITORY} characters, a tag \
                 {MAX_TAG}"
            )));
        }
        Ok(Self {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        })
    }
}

/// Returns a replacement for alternatives in braces, which match nothing, if a text has any.
fn without_braces(text: &str) -> Option<String> {
    let (before, rest) = text.split_once('{')?;
    let written = match rest.split_once('}') {
        Some((inner, after)) if !inner.contains('{') && !after.contains(['{', '}']) => {
            let filters = inner
                .split(',')
                .map(|part| format!("\"{before}{}{after}\"", part.trim()));
            format!(": {}", filters.collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    };
    Some(format!(
        "has braces, which are not wildcards; write a filter for each alternative{written}"
    ))
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl Filters {
    /// Parses a list as written by [`join`]. Returns `None` if it is empty.
    pub fn parse(list: &str) -> Option<Self> {
        let listed = list.split(',').filter(|text| !text.is_empty());
        let listed = listed.map(|text| Listed {
            text: text.to_owned(),
            filter: text.parse(),
        });
        let listed: Vec<Listed> = listed.collect();
        (!listed.is_empty()).then_some(Self(listed))
    }

    /// Iterates over the filters as they were written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|listed| listed.text.as_str())
    }

    /// Returns the reasons why filters are looser than they should be.
    pub fn loose(&self) -> impl Iterator<Item = &InvalidFilter> {
        self.0
            .iter()
            .filter_map(|listed| listed.filter.as_ref().err())
    }

    /// Returns whether any image in the repository may match. One with the filter's own tag would,
    /// because a wildcard matches itself.
    pub fn may_match(&self, repository: &str) -> bool {
        self.0.iter().any(|listed| match &listed.filter {
            Ok(filter) => filter.matches(repository, filter.tag()),
            Err(_) => true,
        })
    }

    /// Returns the repositories that the filters name, sorted, or `None` if one of them has a
    /// wildcard in its repository.
    pub fn exact_repositories(&self) -> Option<Vec<String>> {
        let exact = |listed: &Listed| {
            let repository = listed.filter.as_ref().ok()?.repository();
            is_repository(repository).then(|| repository.to_owned())
        };
        let mut names: Vec<String> = self.0.iter().map(exact).collect::<Option<_>>()?;
        names.sort_unstable();
        names.dedup();
        Some(names)
    }

    /// Returns the first filter that matches the whole of `repository:tag`.
    pub fn find(&self, repository: &str, tag: &str) -> Option<&str> {
        let matches = |listed: &&Listed| match &listed.filter {
            Ok(filter) => filter.matches(repository, tag),
            Err(_) => WildMatch::new(&listed.text).matches(&format!("{repository}:{tag}")),
        };
        Some(self.0.iter().find(matches)?.text.as_str())
    }
}

/// Writes the list in the format that [`Filters::parse`] reads.
impl fmt::Display for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.texts().collect();
        f.write_str(&join(&texts))
    }
}

impl Selection {
    /// Selects the images that match a filter but no exclusion.
    pub fn new(filters: Filters, excluded: Filters) -> Self {
        Self { filters, excluded }
    }

    /// Returns the filters without the exclusions.
    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    /// Decides whether the image `repository:tag` is selected. Returns the filter that matches.
    ///
    /// # Errors
    /// If no filter matches, or an exclusion does.
    pub fn decide(&self, repository: &str, tag: &str) -> Result<&str, Unselected> {
        let filter = self.filters.find(repository, tag);
        let filter = filter.ok_or(Unselected::NoFilter)?;
        match self.excluded.find(repository, tag) {
            Some(excluded) => Err(Unselected::Excluded(excluded.to_owned())),
            None => Ok(filter),
        }
    }

    /// Returns the reasons why filters and exclusions are looser than they should be.
    pub fn loose(&self) -> impl Iterator<Item = &InvalidFilter> {
        self.filters.loose().chain(self.excluded.loose())
    }
}

/// Collects parsed filters.
impl FromIterator<Filter> for Filters {
    fn from_iter<I: IntoIterator<Item = Filter>>(filters: I) -> Self {
        let listed = filters.into_iter().map(|filter| Listed {
            text: filter.to_string(),
            filter: Ok(filter),
        });
        Self(listed.collect())
    }
}

/// Joins filters into the list of a function's environment.
pub fn join(filters: &[impl AsRef<str>]) -> String {
    let texts: Vec<&str> = filters.iter().map(AsRef::as_ref).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_is_anchored() {
        for (filter, repository, tag, want) in [
            ("*:*", "shop/web", "1.4", true),
            ("*:*", "shop/web", "", true),
            ("shop/*:1.*", "shop/web", "1.4", true),
            ("shop/*:1.*", "xshop/web", "1.4", false),
            ("shop/*:1.*", "shop/web", "v1.4", false),
            ("web:1.?", "web", "1.4", true),
            ("web:1.?", "web", "1.44", false),
            ("web:1.?", "web", "1.", false),
            ("web:?*", "web", "", false),
            ("web:1", "web", "1:1", false),
            ("*:1", "a:1", "1", false),
            ("WEB:*", "web", "1", false),
        ] {
            let Ok(filter) = filter.parse::<Filter>() else {
                assert!(!want, "{filter}");
                continue;
            };
            assert_eq!(
                filter.matches(repository, tag),
                want,
                "{filter} {repository}:{tag}"
            );
        }
    }

    #[test]
    fn exclusions_win() {
        let list = |text: &str| Filters::parse(text).unwrap_or_default();
        for (filters, excluded, tag, want) in [
            ("a:*,b:*", "", "1", Ok("a:*")),
            ("a:*", "a:*-dev", "1", Ok("a:*")),
            (
                "a:*",
                "b:*,a:*-dev",
                "1-dev",
                Err(Unselected::Excluded("a:*-dev".to_owned())),
            ),
            ("b:*", "a:*", "1", Err(Unselected::NoFilter)),
            ("a:*", "a:?*", "", Ok("a:*")),
        ] {
            let selection = Selection::new(list(filters), list(excluded));
            assert_eq!(selection.decide("a", tag), want, "{filters} {excluded}");
        }
        let parsed = ["a:*".parse().unwrap(), "b:1".parse().unwrap()];
        assert_eq!(Filters::from_iter(parsed), list("a:*,b:1"));
    }

    #[test]
    fn a_filter_covers_what_it_matches_all_of() {
        for (filter, other, want) in [
            ("*:*", "a/*:v?", true),
            ("a:1", "a:1", true),
            ("a/*:*", "a/b*:1", true),
            ("a/*:*", "a*:1", false),
            ("*:*-dev", "a:1-dev", true),
            ("*:*-dev", "a:*-dev", true),
            ("*:*-dev", "a:*", false),
            ("*:1.?", "a:1.2", true),
            ("*:1.?", "a:1.*", false),
            ("*:*?", "a:?*", true),
            ("*:?*", "a:*?**", true),
            ("*:??*", "a:*?", false),
            ("*:a*b*c", "*:a*xbx*c", true),
            ("*:a*b", "*:ab", true),
            ("*:ab*ba", "*:aba", false),
        ] {
            let parse = |text: &str| text.parse::<Filter>().unwrap();
            let covers = parse(filter).covers(&parse(other));
            assert_eq!(covers, want, "{filter} {other}");
        }
    }

    #[test]
    fn messages_repair() {
        for (text, want) in [
            ("", "\"*:*\""),
            ("web", "\"web:*\""),
            (":1", "\"*:1\""),
            ("web:", "\"web:*\""),
            ("a:*, b:*", "[\"a:*\", \"b:*\"]"),
            ("a:* ", "write \"a:*\""),
            ("Web:*", "\"web:*\""),
            ("web:a/b", "'/' in the tag"),
            ("we b:*", "' ' in the repository"),
            ("web:1:2", "':' in the tag"),
            ("shop/{web,api}:*", ": \"shop/web:*\", \"shop/api:*\""),
            ("web:{1,{2,3}}", "a filter for each alternative"),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1",
                "write \"web:1\"",
            ),
        ] {
            let error = text.parse::<Filter>().expect_err(text).to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn a_list_takes_what_the_reference_takes() {
        for (list, repository, tag, want) in [
            ("shop/*:*", "shop/web", "1", Some("shop/*:*")),
            ("a:*,shop/*:*", "shop/web", "1", Some("shop/*:*")),
            ("a:*,,b:1,", "b", "1", Some("b:1")),
            ("shop/*:*", "xshop/web", "1", None),
            ("*", "shop/web", "1", Some("*")),
            ("shop*1", "shop/web", "1", Some("shop*1")),
            ("web:", "web", "", Some("web:")),
            ("web", "web", "1", None),
        ] {
            let filters = Filters::parse(list).unwrap();
            assert_eq!(filters.find(repository, tag), want, "{list}");
        }
        assert_eq!(Filters::parse(","), None);
        let filters = Filters::parse("*,a:*").unwrap();
        assert_eq!(filters.loose().count(), 1);
        assert!(filters.may_match("b"));
        assert_eq!(Filters::parse(&join(&["*", "a:*"])), Some(filters));
    }

    #[test]
    fn repositories_may_match() {
        for (list, repository, may_match, exact) in [
            ("shop/*:1.*", "shop/web", true, None),
            ("shop/*:1.*", "tools", false, None),
            ("web:1,base:*,web:2", "web", true, Some(vec!["base", "web"])),
            ("web:1,base:*", "we", false, Some(vec!["base", "web"])),
            ("web:1,*", "we", true, None),
        ] {
            let filters = Filters::parse(list).unwrap();
            assert_eq!(filters.may_match(repository), may_match, "{list}");
            let exact: Option<Vec<String>> =
                exact.map(|names| names.into_iter().map(str::to_owned).collect());
            assert_eq!(filters.exact_repositories(), exact, "{list}");
        }
    }
}
