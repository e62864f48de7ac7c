//! The filter's settings, from environment variables.

use crate::ecr;
use crate::environment::{DELETE_WITH_SOURCE, EXCLUDED_FILTERS, FILTERS, GENERATOR_ARN, SOURCES};
use crate::filters::{Filters, Selection};
use crate::scope::Scope;
use crate::source::{Source, Sources};
use crate::variables::{self, InvalidVariable, Lookup, Variable};

/// The function's settings, from its environment.
#[derive(Debug)]
pub(super) struct Config {
    pub selection: Selection,
    /// ARN of the index generator.
    pub generator: String,
    pub scope: Scope,
    /// Whether deletions of tags are passed on as well.
    pub delete_with_source: bool,
    /// URL of the Amazon ECR API, if it is not the region's default.
    pub ecr_endpoint: Option<String>,
}

impl Config {
    pub(super) fn read(lookup: Lookup<'_>) -> Result<Self, InvalidVariable> {
        let filters = Variable::read(lookup, FILTERS);
        let excluded = Variable::read(lookup, EXCLUDED_FILTERS);
        let want = "filters such as \"shop/*:*\", separated by commas";
        let excluded = excluded.parse_or(Filters::default(), want, Filters::parse)?;
        let generator = Variable::read(lookup, GENERATOR_ARN);
        Ok(Self {
            selection: match Filters::parse(filters.value().unwrap_or_default()) {
                Some(parsed) => Selection::new(parsed, excluded),
                None => return Err(filters.refuse(want)),
            },
            generator: match generator.value().filter(|arn| is_function_arn(arn)) {
                Some(arn) => arn.to_owned(),
                None => return Err(generator.refuse("the ARN of the index generator")),
            },
            scope: Scope {
                sources: Variable::read(lookup, SOURCES).parse_or(
                    Sources::default(),
                    format!("any of {}, separated by commas", Source::NAMES.join(", ")),
                    Sources::parse,
                )?,
                version: variables::index_version(lookup)?,
                suffix: variables::tag_suffix(lookup)?,
            },
            delete_with_source: variables::truth(lookup, DELETE_WITH_SOURCE, false)?,
            ecr_endpoint: ecr::endpoint(lookup)?,
        })
    }

    /// Warns about filters that are looser than the grammar.
    pub(super) fn warn(&self) {
        for error in self.selection.loose() {
            tracing::warn!("{error}; it is matched against the whole of repository:tag");
        }
    }
}

/// Returns whether a text is `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`, optionally with a
/// version or alias.
fn is_function_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let name = |part: &str| {
        let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$');
        (1..=140).contains(&part.len()) && part.bytes().all(sound)
    };
    matches!(
        parts[..],
        ["arn", _, "lambda", _, _, "function", _] | ["arn", _, "lambda", _, _, "function", _, _]
    ) && parts.into_iter().all(name)
}

#[cfg(test)]
mod tests;
