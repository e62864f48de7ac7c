//! The schema of `soci_index_builder`: its arguments, and the attributes computed by AWS or the
//! provider.

use tfplugin_sdk::validators::string;
use tfplugin_sdk::{Attribute, Nesting, Schema, Type, timeouts};

use super::arguments::Arguments;
use crate::aws::check_region;

pub(super) fn schema() -> Schema {
    let mut schema = Schema::new()
        .identity(["name", "region"])
        .identity_version(1)
        .description(
        "Indexes container images as they are pushed to Amazon ECR: an EventBridge rule, an AWS \
         Lambda function that selects images by repository and tag, another that builds the SOCI \
         index and pushes it beside the image, the roles and log groups that they need, a schedule \
         on which images without an index are looked for, and a DynamoDB table that remembers which \
         layers were indexed.",
    );
    for (name, element) in Arguments::schema() {
        schema = element.add_to(schema, name);
    }
    for (name, attribute) in computed() {
        schema = schema.attribute(name, attribute);
    }
    schema = schema.attribute("region", region());
    let timeouts = timeouts::block(["create", "read", "update", "delete"]);
    schema.block("timeouts", timeouts)
}

/// Returns the argument that determines where everything else is.
fn region() -> Attribute {
    Attribute::string()
        .optional()
        .computed()
        .requires_replace()
        .validate(string(check_region))
        .description(
            "Region of the builder, and of the Amazon ECR registry whose images it indexes. Changing it \
             replaces the builder. Default: the provider's region.",
        )
}

/// Returns the attributes that AWS or the provider computes.
fn computed() -> Vec<(&'static str, Attribute)> {
    let kept = |description: &str| {
        Attribute::string()
            .computed()
            .use_state_for_unknown()
            .description(description.to_owned())
    };
    vec![
        ("id", kept("Name of the builder.")),
        (
            "event_filter_function_arn",
            kept("ARN of the event filter, the function that selects the images to index."),
        ),
        (
            "event_filter_function_name",
            kept("Name of the event filter, `<name>-filter`."),
        ),
        (
            "event_filter_role_arn",
            kept("ARN of the event filter's role."),
        ),
        (
            "event_filter_role_name",
            kept("Name of the event filter's role, `<name>-filter-<region>`."),
        ),
        (
            "event_filter_log_group_arn",
            kept("ARN of the event filter's log group."),
        ),
        (
            "event_filter_log_group_name",
            kept("Name of the event filter's log group, `/aws/lambda/<name>-filter`."),
        ),
        (
            "index_generator_function_arn",
            kept("ARN of the index generator, the function that indexes images."),
        ),
        (
            "index_generator_function_name",
            kept("Name of the index generator, `<name>-generator`."),
        ),
        (
            "index_generator_role_arn",
            kept("ARN of the index generator's role."),
        ),
        (
            "index_generator_role_name",
            kept("Name of the index generator's role, `<name>-generator-<region>`."),
        ),
        (
            "index_generator_log_group_arn",
            kept("ARN of the index generator's log group."),
        ),
        (
            "index_generator_log_group_name",
            kept("Name of the index generator's log group, `/aws/lambda/<name>-generator`."),
        ),
        (
            "rule_arn",
            kept("ARN of the EventBridge rule that sends pushes to the event filter."),
        ),
        (
            "rule_name",
            kept("Name of the EventBridge rule, which is the builder's name."),
        ),
        (
            "sweep_rule_arn",
            kept(
                "ARN of the EventBridge rule of `sweep_schedule`, set even if there is no such rule.",
            ),
        ),
        (
            "sweep_rule_name",
            kept("Name of the EventBridge rule of `sweep_schedule`, `<name>.sweep`."),
        ),
        (
            "ztoc_table_arn",
            kept("ARN of the table of `reuse_ztocs`, set even if there is no such table."),
        ),
        (
            "ztoc_table_name",
            kept("Name of the table of `reuse_ztocs`, `<name>-ztocs`."),
        ),
        (
            "event_pattern",
            Attribute::string().computed().description(
                "Event pattern of the rule, as JSON. It discards pushes that no filter can match, \
                 as far as event patterns can express that; the event filter makes the final \
                 decision.",
            ),
        ),
        (
            "bundle_version",
            Attribute::string().computed().description(
                "Version of the functions' code, which is embedded in the provider: upgrading the \
                 provider updates the functions. Null if an import found other code.",
            ),
        ),
        (
            "code_sha256",
            Attribute::nested(
                Nesting::Single,
                [
                    (
                        "event_filter",
                        Attribute::string()
                            .computed()
                            .description("Hash of the event filter's code."),
                    ),
                    (
                        "index_generator",
                        Attribute::string()
                            .computed()
                            .description("Hash of the index generator's code."),
                    ),
                ],
            )
            .computed()
            .description(
                "SHA-256 hashes of the functions' code in base64, as Lambda reports them.",
            ),
        ),
        (
            "tags_all",
            Attribute::map(Type::String).computed().description(
                "Tags of all parts: `tags` merged over the provider's `default_tags`.",
            ),
        ),
        (
            "drift",
            Attribute::list(Type::String).computed().description(
                "Differences between AWS and the configuration that no other attribute shows, such \
                 as a deleted role or a disabled rule: one line each, with the actual and the \
                 desired value, but without the values of environment variables. Empty after an \
                 apply; if a refresh finds any, the plan shows them and the next apply repairs \
                 them.",
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tfplugin_sdk::{Diagnostics, Value};

    use super::*;

    #[test]
    fn the_schema_is_sound() {
        assert_eq!(schema().check("soci_index_builder"), Diagnostics::new());
    }

    #[test]
    fn every_argument_is_in_the_schema() {
        let Type::Object(attributes) = schema().ty() else {
            panic!("a schema is an object");
        };
        let attributes: BTreeSet<&str> = attributes.keys().map(String::as_str).collect();
        let variations = Arguments::variations();
        let arguments: BTreeSet<&str> = variations.iter().map(|variation| variation.name).collect();
        let computed = computed();
        let computed: BTreeSet<&str> = computed.iter().map(|(name, _)| *name).collect();
        let mut all: BTreeSet<&str> = &arguments | &computed;
        all.extend(["region", "timeouts"]);
        assert_eq!(attributes, all);
        assert!(arguments.is_disjoint(&computed));
    }

    #[test]
    fn defaults_are_valid() {
        let mut config = Value::object([("tags", Value::Null)]);
        Arguments::default().write(&mut config);
        assert!(schema().validate(&config).is_empty());
    }
}
