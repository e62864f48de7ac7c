//! The functions' environment variables.

use std::collections::{BTreeMap, BTreeSet};

use lambda::environment::{
    COMPLETION_EVENT_BUS, DELETE_WITH_SOURCE, EXCLUDED_FILTERS, FILTERS, GENERATOR_ARN,
    INDEX_VERSION, MIN_LAYER_SIZE, MULTI_MEMBER_LAYERS, OCI_LAYER_TYPES, OPTIMIZATIONS, PLATFORMS,
    PREFETCH_FILES, SOURCES, SPAN_SIZE, TAG_SUFFIX, TAG_UNINDEXED, ZTOC_TABLE,
};
use lambda::filters;
use lambda::source::Source;
use serde_json::json;

use super::arguments::Arguments;
use super::names;

/// Variables by name.
pub(super) type Environment = BTreeMap<String, String>;

/// Returns the environment of the event filter.
pub(super) fn event_filter(arguments: &Arguments, generator_arn: &str) -> Environment {
    let mut environment = variables([
        (
            FILTERS,
            filters::join(&arguments.repository_image_tag_filters),
        ),
        (GENERATOR_ARN, generator_arn.to_owned()),
        (INDEX_VERSION, arguments.index_version.clone()),
        (TAG_SUFFIX, arguments.tag_suffix.clone()),
    ]);
    let sources = arguments.sources.iter().map(String::as_str);
    if sources.ne([Source::Push.as_str()]) {
        environment.insert(SOURCES.to_owned(), join(&arguments.sources));
    }
    if !arguments.excluded_image_tag_filters.is_empty() {
        let excluded = filters::join(&arguments.excluded_image_tag_filters);
        environment.insert(EXCLUDED_FILTERS.to_owned(), excluded);
    }
    if arguments.delete_with_source {
        environment.insert(DELETE_WITH_SOURCE.to_owned(), true.to_string());
    }
    environment
}

/// Returns the environment of the index generator.
pub(super) fn index_generator(arguments: &Arguments) -> Environment {
    let mut environment = variables([
        (INDEX_VERSION, arguments.index_version.clone()),
        (TAG_SUFFIX, arguments.tag_suffix.clone()),
        (SPAN_SIZE, arguments.span_size.to_string()),
        (MIN_LAYER_SIZE, arguments.min_layer_size.to_string()),
    ]);
    // Omitted if it has its default value, so that functions from before these options existed do
    // not drift.
    for (name, value, default) in [
        (TAG_UNINDEXED, arguments.tag_unindexed_images, true),
        (MULTI_MEMBER_LAYERS, arguments.multi_member_layers, false),
        (OCI_LAYER_TYPES, arguments.oci_layer_types, false),
        (DELETE_WITH_SOURCE, arguments.delete_with_source, false),
    ] {
        if value != default {
            environment.insert(name.to_owned(), value.to_string());
        }
    }
    if let Some(platforms) = &arguments.platforms {
        environment.insert(PLATFORMS.to_owned(), join(platforms));
    }
    if !arguments.optimizations.is_empty() {
        environment.insert(OPTIMIZATIONS.to_owned(), join(&arguments.optimizations));
    }
    if !arguments.prefetch_files.is_empty() {
        let files = Vec::from_iter(&arguments.prefetch_files);
        environment.insert(PREFETCH_FILES.to_owned(), json!(files).to_string());
    }
    if let Some(bus) = &arguments.completion_event_bus_name {
        environment.insert(COMPLETION_EVENT_BUS.to_owned(), bus.clone());
    }
    if arguments.reuse_ztocs {
        environment.insert(ZTOC_TABLE.to_owned(), names::table(&arguments.name));
    }
    environment
}

/// Returns the size of an environment in bytes as AWS Lambda counts it: the variables and values
/// encoded as a JSON object.
pub(super) fn bytes(environment: &Environment) -> usize {
    json!(environment).to_string().len()
}

fn join(set: &BTreeSet<String>) -> String {
    Vec::from_iter(set.iter().map(String::as_str)).join(",")
}

fn variables<const N: usize>(variables: [(&str, String); N]) -> Environment {
    variables
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}
