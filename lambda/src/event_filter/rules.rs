//! The filters in the function's environment.

use wildmatch::WildMatch;

use crate::environment::FILTERS;
use crate::filters::{Filter, InvalidFilter};
use crate::variables::{InvalidVariable, Lookup, Variable};

/// The filters of an environment. Those of the reference solution may be looser than ours, such
/// as a lone `*`: they are matched against the whole of `repository:tag`, as they are there.
#[derive(Debug)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    text: String,
    /// The filter, or why it is none.
    filter: Result<Filter, InvalidFilter>,
}

impl Rules {
    pub(super) fn read(lookup: Lookup<'_>) -> Result<Self, InvalidVariable> {
        let variable = Variable::read(lookup, FILTERS);
        let list = variable.value().unwrap_or_default().split(',');
        let rules = list.filter(|text| !text.is_empty()).map(|text| Rule {
            text: text.to_owned(),
            filter: text.parse(),
        });
        let rules: Vec<Rule> = rules.collect();
        if rules.is_empty() {
            let want = "filters such as \"shop/*:*\", separated by commas";
            return Err(variable.refuse(want));
        }
        Ok(Self(rules))
    }

    /// Says which filters are not what a filter should be.
    pub(super) fn warn(&self) {
        for rule in &self.0 {
            if let Err(error) = &rule.filter {
                tracing::warn!("{error}; it is matched against the whole of repository:tag");
            }
        }
    }

    /// The first filter that matches.
    pub(super) fn find(&self, repository: &str, tag: &str) -> Option<&str> {
        let matches = |rule: &&Rule| match &rule.filter {
            Ok(filter) => filter.matches(repository, tag),
            Err(_) => WildMatch::new(&rule.text).matches(&format!("{repository}:{tag}")),
        };
        Some(self.0.iter().find(matches)?.text.as_str())
    }
}
