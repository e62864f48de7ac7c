//! The attributes of `soci_index_builder`.

use lambda::limits::{MAX_SPAN_SIZE, MIN_SPAN_SIZE};
use lambda::scope::IndexVersion;
use lambda::tag_suffix::TagSuffix;
use tfplugin_sdk::{Attribute, Block, Nesting, Schema, Type, Value, timeouts, validators};

use super::checks;
use super::settings::{
    DEFAULT_BUS, DEFAULT_EPHEMERAL_STORAGE_SIZE, DEFAULT_EVENT_AGE, DEFAULT_MEMORY_SIZE,
    DEFAULT_MIN_LAYER_SIZE, DEFAULT_NAME, DEFAULT_RETENTION, DEFAULT_RETRIES, DEFAULT_SPAN_SIZE,
    DEFAULT_TIMEOUT, UNRESERVED,
};

pub(super) fn schema() -> Schema {
    let mut schema = Schema::new().description(
        "Indexes container images as they are pushed to Amazon ECR: an EventBridge rule, an AWS \
         Lambda function that decides by repository and tag, one that builds the SOCI index and \
         pushes it beside the image, and the roles and log groups that these need.",
    );
    schema = schema.identity(["name"]);
    for (name, attribute) in arguments().into_iter().chain(computed()) {
        schema = schema.attribute(name, attribute);
    }
    schema.block("vpc_config", vpc_config()).block(
        "timeouts",
        timeouts::block(["create", "read", "update", "delete"]),
    )
}

/// What a configuration sets.
fn arguments() -> Vec<(&'static str, Attribute)> {
    let mut all = what_is_indexed();
    all.extend(functions());
    all.extend(surroundings());
    all
}

fn what_is_indexed() -> Vec<(&'static str, Attribute)> {
    vec![
        (
            "name",
            Attribute::string()
                .default(DEFAULT_NAME)
                .requires_replace()
                .validate(checks::name())
                .description(
                    "Name of the builder, unique in the account and region. The names of all its \
                     parts begin with it: 1 to 36 letters, digits, `-` and `_`. A change replaces \
                     the builder. Default: `soci-index-builder`.",
                ),
        ),
        (
            "repository_image_tag_filters",
            Attribute::list(Type::String)
                .default(Value::from(vec!["*:*"]))
                .validate(checks::filters())
                .description(
                    "Which images are indexed, each as `repository:tag`. `*` stands for any \
                     number of characters, `?` for one; a filter has to match the whole name. An \
                     image is indexed if one of the filters matches. The index generator may \
                     read and write the repositories that are named here, and no others. \
                     Default: `[\"*:*\"]`, every image.",
                ),
        ),
        (
            "index_version",
            Attribute::string()
                .default("V2")
                .validate(checks::one_of(&IndexVersion::NAMES))
                .description(
                    "Version of the index. `V2` publishes a SOCI-enabled image, which carries its \
                     index and is tagged with the image's tag and `tag_suffix`; images without a \
                     tag are left out. `V1` publishes an index that refers to the image and \
                     leaves the image as it is. Default: `V2`.",
                ),
        ),
        (
            "tag_suffix",
            Attribute::string()
                .default(TagSuffix::DEFAULT)
                .validate(checks::tag_suffix())
                .description(
                    "What is appended to a tag for the SOCI-enabled image (`V2`). Images whose \
                     tags end so are never indexed themselves. 1 to 64 letters, digits, `.`, `_` \
                     and `-`. Default: `-soci`.",
                ),
        ),
        (
            "span_size",
            Attribute::number()
                .default(DEFAULT_SPAN_SIZE)
                .validate(validators::number_range(
                    MIN_SPAN_SIZE as i64..=MAX_SPAN_SIZE as i64,
                ))
                .description(
                    "How many bytes of a decompressed layer lie between two points at which \
                     reading can start: 65536 (64 KiB) to 1073741824 (1 GiB). Default: 4194304 \
                     (4 MiB).",
                ),
        ),
        (
            "min_layer_size",
            Attribute::number()
                .default(DEFAULT_MIN_LAYER_SIZE)
                .validate(validators::number_range(0..=i64::MAX))
                .description(
                    "Layers of fewer compressed bytes are left out of the index: it is faster to \
                     download them whole. Default: 10485760 (10 MiB).",
                ),
        ),
        (
            "index_existing",
            Attribute::bool().default(false).description(
                "Whether images that are in the matching repositories already are indexed as \
                 well: once after the builder is created, and again after a change of the \
                 filters, `index_version` or `tag_suffix`. They are handed to the index generator \
                 one by one, two in a second, so that an apply takes eight minutes for a \
                 thousand tags. What an apply did not reach, the next one does. Default: `false`.",
            ),
        ),
    ]
}

fn functions() -> Vec<(&'static str, Attribute)> {
    vec![
        (
            "memory_size",
            Attribute::number()
                .default(DEFAULT_MEMORY_SIZE)
                .validate(validators::number_range(128..=10_240))
                .description(
                    "Memory of the index generator in MB, which also decides its share of CPU: \
                     128 to 10240. New AWS accounts may be limited to 3008. Default: 1769, one \
                     whole virtual CPU.",
                ),
        ),
        (
            "timeout",
            Attribute::number()
                .default(DEFAULT_TIMEOUT)
                .validate(validators::number_range(1..=900))
                .description(
                    "How long the index generator may work on one image, in seconds: 1 to 900. \
                     Default: 900.",
                ),
        ),
        (
            "ephemeral_storage_size",
            Attribute::number()
                .default(DEFAULT_EPHEMERAL_STORAGE_SIZE)
                .validate(validators::number_range(512..=10_240))
                .description(
                    "Size of the index generator's `/tmp` in MB: 512 to 10240. Layers are read \
                     as a stream and not stored, so the least is enough for images of any size. \
                     Default: 512.",
                ),
        ),
        (
            "architectures",
            Attribute::list(Type::String)
                .default(Value::from(vec!["x86_64"]))
                .validate(checks::architectures())
                .validate(validators::each(checks::one_of(&["x86_64", "arm64"])))
                .description(
                    "The instruction set of the functions: `[\"x86_64\"]` or `[\"arm64\"]`, as \
                     far as the provider was built with functions for it. Images of every \
                     architecture are indexed by either. Default: `[\"x86_64\"]`.",
                ),
        ),
        (
            "reserved_concurrent_executions",
            Attribute::number()
                .default(UNRESERVED)
                .validate(validators::number_range(UNRESERVED..=i64::from(i32::MAX)))
                .description(
                    "How many images may be indexed at once; so much of the account's \
                     concurrency is set aside for the index generator. `0` stops it, `-1` sets no \
                     limit. Default: `-1`.",
                ),
        ),
        (
            "log_level",
            Attribute::string()
                .default("INFO")
                .validate(checks::one_of(&[
                    "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL",
                ]))
                .description(
                    "How much the functions log, as JSON: `TRACE`, `DEBUG`, `INFO`, `WARN`, \
                     `ERROR` or `FATAL`. Default: `INFO`.",
                ),
        ),
        (
            "tracing_mode",
            Attribute::string()
                .default("PassThrough")
                .validate(checks::one_of(&["PassThrough", "Active"]))
                .description(
                    "AWS X-Ray: `Active` samples and traces invocations, for which AWS's policy \
                     `AWSXRayDaemonWriteAccess` is attached to the roles; `PassThrough` follows \
                     the caller. Default: `PassThrough`.",
                ),
        ),
        (
            "maximum_retry_attempts",
            Attribute::number()
                .default(DEFAULT_RETRIES)
                .validate(validators::number_range(0..=2))
                .description(
                    "How often an image is tried again when its indexing failed: 0 to 2. \
                     Default: 2.",
                ),
        ),
        (
            "maximum_event_age_in_seconds",
            Attribute::number()
                .default(DEFAULT_EVENT_AGE)
                .validate(validators::number_range(60..=21_600))
                .description(
                    "How long an image may wait for the index generator, in seconds: 60 to \
                     21600. Default: 21600 (6 hours).",
                ),
        ),
        (
            "on_failure_destination_arn",
            Attribute::string()
                .optional()
                .validate(checks::destination())
                .description(
                    "ARN of what is told of images whose indexing failed or that waited too \
                     long: an SQS queue, an SNS topic (neither of them FIFO), a Lambda function, \
                     an EventBridge bus or an S3 bucket. The index generator's role may send to \
                     it. Without one, such an image is only logged.",
                ),
        ),
    ]
}

fn surroundings() -> Vec<(&'static str, Attribute)> {
    vec![
        (
            "permissions_boundary",
            Attribute::string()
                .optional()
                .validate(checks::permissions_boundary())
                .description("ARN of the policy that is the permissions boundary of both roles."),
        ),
        (
            "role_path",
            Attribute::string()
                .default("/")
                .requires_replace()
                .validate(checks::role_path())
                .description(
                    "Path of both roles in IAM, with a slash before and after, such as \
                     `/teams/images/`. AWS cannot change the path of a role, so a change replaces \
                     the builder. Default: `/`.",
                ),
        ),
        (
            "kms_key_arn",
            Attribute::string()
                .optional()
                .validate(checks::key_arn())
                .description(
                    "ARN of the KMS key that encrypts the functions' environment. The roles may \
                     decrypt with it, as far as the key's own policy lets the account's policies \
                     decide. Default: a key of AWS.",
                ),
        ),
        (
            "log_retention_in_days",
            Attribute::number()
                .default(DEFAULT_RETENTION)
                .validate(checks::retention())
                .description(
                    "How many days the functions' logs are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, \
                     150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653; 0 \
                     keeps them for ever. Default: 30.",
                ),
        ),
        (
            "log_kms_key_id",
            Attribute::string()
                .optional()
                .validate(checks::key_arn())
                .description(
                    "ARN of the KMS key that encrypts the log groups. The key's policy must let \
                     CloudWatch Logs of the region use it. Default: a key of AWS.",
                ),
        ),
        (
            "event_bus_name",
            Attribute::string()
                .default(DEFAULT_BUS)
                .validate(checks::event_bus())
                .description(
                    "Name of the event bus that the rule listens to. Amazon ECR's events arrive \
                     on `default`; another bus has to get them from there. Default: `default`.",
                ),
        ),
        (
            "tags",
            Attribute::map(Type::String)
                .optional()
                .validate(checks::tags())
                .description(
                    "Tags of all parts: functions, roles, log groups and the rule. They win over \
                     the provider's `default_tags`. Each part has one more, `soci-index-builder` \
                     with the builder's name, by which the builder knows what is its own.",
                ),
        ),
    ]
}

/// What AWS or the provider sets.
fn computed() -> Vec<(&'static str, Attribute)> {
    let kept = |description: &str| {
        Attribute::string()
            .computed()
            .use_state_for_unknown()
            .description(description.to_owned())
    };
    vec![
        ("id", kept("The builder's name. The id to import by.")),
        (
            "event_filter_function_arn",
            kept("ARN of the function that decides which images are indexed."),
        ),
        (
            "event_filter_function_name",
            kept("Name of that function, `<name>-filter`."),
        ),
        ("event_filter_role_arn", kept("ARN of its role.")),
        (
            "event_filter_role_name",
            kept("Name of its role, `<name>-filter-<region>`."),
        ),
        ("event_filter_log_group_arn", kept("ARN of its log group.")),
        (
            "event_filter_log_group_name",
            kept("Name of its log group, `/aws/lambda/<name>-filter`."),
        ),
        (
            "index_generator_function_arn",
            kept("ARN of the function that indexes an image."),
        ),
        (
            "index_generator_function_name",
            kept("Name of that function, `<name>-generator`."),
        ),
        ("index_generator_role_arn", kept("ARN of its role.")),
        (
            "index_generator_role_name",
            kept("Name of its role, `<name>-generator-<region>`."),
        ),
        (
            "index_generator_log_group_arn",
            kept("ARN of its log group."),
        ),
        (
            "index_generator_log_group_name",
            kept("Name of its log group, `/aws/lambda/<name>-generator`."),
        ),
        (
            "rule_arn",
            kept("ARN of the EventBridge rule that passes pushes to the event filter."),
        ),
        ("rule_name", kept("Name of that rule, the builder's name.")),
        (
            "event_pattern",
            Attribute::string().computed().description(
                "The rule's event pattern, as JSON. It drops pushes that no filter can match, as \
                 far as EventBridge has the means; the event filter decides.",
            ),
        ),
        (
            "bundle_version",
            Attribute::string().computed().description(
                "Version of the functions, which come with the provider: another version of the \
                 provider updates them. Null if other code was found in AWS at an import.",
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
                            .description("Of the function that decides."),
                    ),
                    (
                        "index_generator",
                        Attribute::string()
                            .computed()
                            .description("Of the function that indexes."),
                    ),
                ],
            )
            .computed()
            .description("SHA-256 of the functions' code as AWS gives it, in base64."),
        ),
        (
            "tags_all",
            Attribute::map(Type::String).computed().description(
                "Tags of all parts: `tags`, and the provider's `default_tags` where these have \
                 none.",
            ),
        ),
        (
            "drift",
            Attribute::list(Type::String).computed().description(
                "What is missing or was changed in AWS and has no attribute of its own, such as \
                 a deleted role or a disabled rule, one line for each. Empty after an apply; when \
                 a refresh finds something, the plan shows it, and the next apply repairs it.",
            ),
        ),
    ]
}

fn vpc_config() -> Block {
    Block::single()
        .description(
            "Runs both functions in a VPC. They need a way from its subnets to Amazon ECR (`api` \
             and `dkr`), to Amazon S3, where ECR keeps layers, and to AWS Lambda: VPC endpoints, \
             or a NAT gateway. AWS's policy `AWSLambdaENIManagementAccess` is attached to the \
             roles, and denied to the functions' code.",
        )
        .attribute(
            "subnet_ids",
            Attribute::set(Type::String)
                .required()
                .validate(validators::length(1..=16))
                .validate(checks::ids("subnet-"))
                .description("Ids of the subnets, 1 to 16."),
        )
        .attribute(
            "security_group_ids",
            Attribute::set(Type::String)
                .required()
                .validate(validators::length(1..=16))
                .validate(checks::ids("sg-"))
                .description("Ids of the security groups, 1 to 16."),
        )
}
