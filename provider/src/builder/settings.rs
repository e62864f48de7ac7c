//! What a configuration asks for, once everything in it is known.

use std::collections::{BTreeMap, BTreeSet};

use lambda::filters::{self, Filter};
use lambda::tag_suffix::TagSuffix;
use lambda::{environment, limits};
use serde::{Deserialize, Serialize};
use tfplugin_sdk::{Diagnostic, Value};

use super::names;

/// Bus on which Amazon ECR's events arrive.
pub(super) const DEFAULT_BUS: &str = "default";
pub(super) const DEFAULT_NAME: &str = "soci-index-builder";
pub(super) const DEFAULT_SPAN_SIZE: i64 = limits::DEFAULT_SPAN_SIZE as i64;
pub(super) const DEFAULT_MIN_LAYER_SIZE: i64 = limits::DEFAULT_MIN_LAYER_SIZE as i64;
/// One whole virtual CPU: below it the work takes longer and costs the same, above it a single
/// layer gains nothing.
pub(super) const DEFAULT_MEMORY_SIZE: i64 = 1769;
pub(super) const DEFAULT_TIMEOUT: i64 = 900;
/// The least there is: layers are read as a stream, and nothing is written to the disk.
pub(super) const DEFAULT_EPHEMERAL_STORAGE_SIZE: i64 = 512;
pub(super) const DEFAULT_RETENTION: i64 = 30;
pub(super) const DEFAULT_RETRIES: i64 = 2;
pub(super) const DEFAULT_EVENT_AGE: i64 = 21_600;
/// What the AWS provider writes for "no reservation".
pub(super) const UNRESERVED: i64 = -1;

/// The arguments, by their names in the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub name: String,
    pub repository_image_tag_filters: Vec<String>,
    pub index_version: String,
    pub tag_suffix: String,
    pub span_size: i64,
    pub min_layer_size: i64,
    pub memory_size: i64,
    pub timeout: i64,
    pub ephemeral_storage_size: i64,
    pub architectures: Vec<String>,
    pub reserved_concurrent_executions: i64,
    pub permissions_boundary: Option<String>,
    pub role_path: String,
    pub kms_key_arn: Option<String>,
    pub vpc_config: Option<VpcConfig>,
    pub log_retention_in_days: i64,
    pub log_kms_key_id: Option<String>,
    pub log_level: String,
    pub tracing_mode: String,
    pub maximum_retry_attempts: i64,
    pub maximum_event_age_in_seconds: i64,
    pub on_failure_destination_arn: Option<String>,
    pub event_bus_name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VpcConfig {
    pub subnet_ids: BTreeSet<String>,
    pub security_group_ids: BTreeSet<String>,
}

/// The names of the fields above, which are the arguments that make up the thing.
pub(super) const ARGUMENTS: [&str; 23] = [
    "name",
    "repository_image_tag_filters",
    "index_version",
    "tag_suffix",
    "span_size",
    "min_layer_size",
    "memory_size",
    "timeout",
    "ephemeral_storage_size",
    "architectures",
    "reserved_concurrent_executions",
    "permissions_boundary",
    "role_path",
    "kms_key_arn",
    "vpc_config",
    "log_retention_in_days",
    "log_kms_key_id",
    "log_level",
    "tracing_mode",
    "maximum_retry_attempts",
    "maximum_event_age_in_seconds",
    "on_failure_destination_arn",
    "event_bus_name",
];

impl Settings {
    /// A builder of that name with every default.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            repository_image_tag_filters: vec!["*:*".to_owned()],
            index_version: "V2".to_owned(),
            tag_suffix: TagSuffix::DEFAULT.to_owned(),
            span_size: DEFAULT_SPAN_SIZE,
            min_layer_size: DEFAULT_MIN_LAYER_SIZE,
            memory_size: DEFAULT_MEMORY_SIZE,
            timeout: DEFAULT_TIMEOUT,
            ephemeral_storage_size: DEFAULT_EPHEMERAL_STORAGE_SIZE,
            architectures: vec!["x86_64".to_owned()],
            reserved_concurrent_executions: UNRESERVED,
            permissions_boundary: None,
            role_path: "/".to_owned(),
            kms_key_arn: None,
            vpc_config: None,
            log_retention_in_days: DEFAULT_RETENTION,
            log_kms_key_id: None,
            log_level: "INFO".to_owned(),
            tracing_mode: "PassThrough".to_owned(),
            maximum_retry_attempts: DEFAULT_RETRIES,
            maximum_event_age_in_seconds: DEFAULT_EVENT_AGE,
            on_failure_destination_arn: None,
            event_bus_name: DEFAULT_BUS.to_owned(),
        }
    }

    /// The arguments in a planned or stored state.
    pub(super) fn read(state: &Value) -> Result<Self, Diagnostic> {
        // Whatever is computed may be unknown; only the arguments are looked at.
        let arguments = ARGUMENTS.map(|name| (name, state.get(name).clone()));
        Value::object(arguments)
            .to()
            .map_err(|error| Diagnostic::error("Unknown argument", error.to_string()))
    }

    /// Puts them into a state.
    pub(super) fn write(&self, state: &mut Value) -> Result<(), Diagnostic> {
        let values = Value::from_serialize(self)
            .map_err(|error| Diagnostic::error("Builder not representable", error.to_string()))?;
        for name in ARGUMENTS {
            state.set(name, values.get(name).clone());
        }
        Ok(())
    }

    /// The filters that can be read; all of them, once the configuration was validated.
    pub(super) fn filters(&self) -> Vec<Filter> {
        let filters = self.repository_image_tag_filters.iter();
        filters.filter_map(|text| text.parse().ok()).collect()
    }

    pub(super) fn architecture(&self) -> &str {
        self.architectures.first().map_or("x86_64", String::as_str)
    }

    /// The environment of the event filter.
    pub(super) fn filter_environment(&self, generator_arn: &str) -> BTreeMap<String, String> {
        [
            (
                environment::FILTERS,
                filters::join(&self.repository_image_tag_filters),
            ),
            (environment::GENERATOR_ARN, generator_arn.to_owned()),
            (environment::INDEX_VERSION, self.index_version.clone()),
            (environment::TAG_SUFFIX, self.tag_suffix.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The environment of the index generator.
    pub(super) fn generator_environment(&self) -> BTreeMap<String, String> {
        [
            (environment::INDEX_VERSION, self.index_version.clone()),
            (environment::TAG_SUFFIX, self.tag_suffix.clone()),
            (environment::SPAN_SIZE, self.span_size.to_string()),
            (environment::MIN_LAYER_SIZE, self.min_layer_size.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// The tags of a configuration: its own, and the provider's defaults where it has none.
/// Unknown as long as one of them is.
pub(super) fn all_tags(tags: &Value, defaults: &BTreeMap<String, String>) -> Value {
    if !tags.is_wholly_known() {
        return Value::Unknown;
    }
    let mut all: BTreeMap<String, Value> = defaults
        .iter()
        .map(|(key, value)| (key.clone(), value.into()))
        .collect();
    for (key, value) in tags.as_map().into_iter().flatten() {
        if !value.is_null() {
            all.insert(key.clone(), value.clone());
        }
    }
    Value::Map(all)
}

/// The tags that each part gets: all of a state, and whose it is.
pub(super) fn part_tags(state: &Value, name: &str) -> BTreeMap<String, String> {
    let all = state.get("tags_all").as_map().into_iter().flatten();
    let all = all.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    all.chain([(names::OWNER_TAG.to_owned(), name.to_owned())])
        .collect()
}

/// The keys of tags that a part has and should not have.
pub(super) fn surplus_tags(
    found: &BTreeMap<String, String>,
    want: &BTreeMap<String, String>,
) -> Vec<String> {
    let surplus = found.keys().filter(|key| !want.contains_key(*key));
    surplus.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_go_into_a_state_and_back() {
        let mut settings = Settings::new("x");
        let mut state = Value::object([("id", Value::Unknown)]);
        settings.write(&mut state).unwrap();
        assert_eq!(Settings::read(&state).unwrap(), settings);
        settings.vpc_config = Some(VpcConfig {
            subnet_ids: ["subnet-1".to_owned()].into(),
            security_group_ids: ["sg-1".to_owned()].into(),
        });
        settings.write(&mut state).unwrap();
        assert_eq!(Settings::read(&state).unwrap(), settings);
        state.set("timeout", Value::Unknown);
        assert!(Settings::read(&state).is_err());
    }

    #[test]
    fn own_tags_win_over_defaults() {
        let defaults = [("a", "1"), ("b", "2")];
        let defaults = defaults.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let tags = Value::object([("b", "own".into()), ("c", "3".into())]);
        let all = all_tags(&tags, &defaults);
        let want = [("a", "1".into()), ("b", "own".into()), ("c", "3".into())];
        assert_eq!(all, Value::object(want));
        let tags = Value::object([("c", Value::Unknown)]);
        assert_eq!(all_tags(&tags, &defaults), Value::Unknown);
        assert_eq!(
            all_tags(&Value::Null, &BTreeMap::new()),
            Value::Map(BTreeMap::new())
        );
    }
}
