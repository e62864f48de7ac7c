//! The arguments of a builder: each is declared here, and nowhere else.
//!
//! An entry of the [table](with_arguments) contains an argument's description (its doc comment, to
//! which the default is added), its name, type and default; the differences between its schema and
//! that of its type (validation, replacement); and where a refresh finds its value: in what was
//! observed in AWS, or nowhere, with the reason. The table is a macro that passes itself to another
//! macro, because its readers need different columns: [`declare::arguments`] generates the struct,
//! the schema, and the code that reads and writes states; `refresh` generates the code that reads
//! from AWS. No list of arguments therefore exists twice.
//!
//! The effect of an argument is defined by the part that it configures.

mod declare;
mod types;

use std::collections::BTreeSet;

use lambda::filters::Filter;
use lambda::limits;
use lambda::scope::{IndexVersion, Scope};
use lambda::source::{self, Sources};
use lambda::tag_suffix::TagSuffix;
use tfplugin_sdk::validators::{each, number_range};

use super::checks;
use super::tags::ConfiguredTags;
use crate::index_options;

use declare::arguments;
pub(super) use types::VpcConfig;

/// Bus on which Amazon ECR's events arrive.
pub(super) const DEFAULT_BUS: &str = "default";
/// How often AWS retries an asynchronous invocation if nothing else is configured.
pub(super) const DEFAULT_RETRIES: i64 = 2;
/// How many seconds AWS keeps an asynchronous invocation if nothing else is configured.
pub(super) const DEFAULT_EVENT_AGE: i64 = 21_600;
/// Smallest ephemeral storage in MB, and what a function has if nothing else is configured.
pub(super) const DEFAULT_STORAGE: i64 = 512;
/// Longest run of a function in seconds, except on instances of the customer.
const MAX_TIMEOUT: i64 = 1_800;
/// No reservation, as the AWS provider writes it.
pub(super) const UNRESERVED: i64 = -1;

/// The table of arguments, passed to the macro of that name.
macro_rules! with_arguments {
    ($reader:ident) => { $reader! {
        /// Name of the builder, unique in the account and region: 1 to 36 letters, digits, `-` and
        /// `_`. The names of all its parts start with it. Changing it replaces the builder.
        name: String = "soci-index-builder".to_owned() => {
            schema: |attribute| attribute.requires_replace().validate(checks::name()),
            refresh: Kept("the parts are looked up by it"),
        }

        /// Images to index, each as `repository:tag`, where `*` matches any number of characters
        /// and `?` exactly one. An image is indexed if any filter matches its whole name. Tags of
        /// signatures and other referrers are never indexed: `sha256-<hex>`, and `sha256-<hex>.sig`,
        /// `.att` or `.sbom`. The index generator can read and write only the repositories that the
        /// filters name.
        repository_image_tag_filters: Vec<String> = vec!["*:*".to_owned()] => {
            schema: |attribute| attribute.validate(checks::filters()),
            refresh: Aws(|seen| {
                let filters = seen.parts.filter.variable(environment::FILTERS)?;
                Some(filters.split(',').map(str::to_owned).collect())
            }),
        }

        /// Images not to index, although a filter in `repository_image_tag_filters` matches: exclusions of
        /// the same form, such as `*:*-dev`. An image that any of them matches is not indexed. Tags of
        /// signatures, such as `sha256-<hex>.sig`, need no exclusion.
        excluded_image_tag_filters: Vec<String> = Vec::new() => {
            schema: |attribute| attribute.validate(checks::filters()),
            refresh: Aws(|seen| {
                seen.parts.filter.function()?;
                let excluded = seen.parts.filter.variable(environment::EXCLUDED_FILTERS);
                Some(excluded.map_or_else(Vec::new, |excluded| {
                    excluded.split(',').map(str::to_owned).collect()
                }))
            }),
        }

        /// Origins of the images to index: `push`, `pull_through_cache` (images that Amazon ECR
        /// copies from an upstream registry) and `replication` (from another region or account).
        sources: BTreeSet<String> = [source::Source::Push.as_str().to_owned()].into() => {
            schema: |attribute| attribute
                .validate(checks::sources())
                .validate(each(checks::one_of(&source::Source::NAMES))),
            refresh: Aws(|seen| {
                seen.parts.filter.function()?;
                let sources = seen.parts.filter.variable(environment::SOURCES);
                let sources = sources.map_or(source::Source::Push.as_str(), String::as_str);
                Some(sources.split(',').map(str::to_owned).collect())
            }),
        }

        /// Version of the index. `V2` publishes a SOCI-enabled image, which contains its index,
        /// under the image's tag followed by `tag_suffix`; untagged images are skipped. `V1`
        /// publishes an index that refers to the image and leaves the image unchanged.
        index_version: String = "V2".to_owned() => {
            schema: |attribute| attribute.validate(checks::one_of(&IndexVersion::NAMES)),
            refresh: Aws(|seen| {
                seen.parts.generator.variable(environment::INDEX_VERSION).cloned()
            }),
        }

        /// Suffix that is appended to an image's tag to name its SOCI-enabled image (`V2`): 1 to 64
        /// letters, digits, `.`, `_` and `-`. Images whose tags end in it are never indexed.
        tag_suffix: String = TagSuffix::DEFAULT.to_owned() => {
            schema: |attribute| attribute.validate(checks::tag_suffix()),
            refresh: Aws(|seen| seen.parts.generator.variable(environment::TAG_SUFFIX).cloned()),
        }

        /// Whether to tag the image itself with `<tag>` followed by `tag_suffix` if none of its layers can
        /// be indexed, so that this tag always matches `<tag>` (`V2`). If `false`, such an image gets no
        /// second tag, and one left there by an earlier image is reported as an error.
        tag_unindexed_images: bool = true => {
            schema: |attribute| attribute,
            refresh: Aws(|seen| {
                let value = seen.parts.generator.variable(environment::TAG_UNINDEXED);
                value.map_or(Some(true), |value| value.parse().ok())
            }),
        }

        /// Whether to delete `<tag>` followed by `tag_suffix` when `<tag>` is deleted, unless something else
        /// needs it (`V2`). If the event of a deletion is lost, the next sweep makes up for it. Only SOCI-enabled
        /// images that the index generator published while this argument was set are deleted.
        /// This applies to every image, whatever `sources` is set to.
        delete_with_source: bool = false => {
            schema: |attribute| attribute,
            refresh: Aws(|seen| {
                seen.parts.generator.function()?;
                let variable = seen.parts.generator.variable(environment::DELETE_WITH_SOURCE);
                Some(variable.is_some_and(|value| value == "true"))
            }),
        }

        /// Span size in bytes of decompressed data, the granularity at which layers can be read:
        /// 65536 (64 KiB) to 1073741824 (1 GiB).
        span_size: i64 = limits::DEFAULT_SPAN_SIZE as i64 => {
            schema: |attribute| attribute.validate(number_range(
                limits::MIN_SPAN_SIZE as i64..=limits::MAX_SPAN_SIZE as i64,
            )),
            refresh: Aws(|seen| {
                seen.parts.generator.variable(environment::SPAN_SIZE)?.parse().ok()
            }),
        }

        /// Compressed size in bytes below which a layer is left out of the index, because
        /// downloading it whole is faster.
        min_layer_size: i64 = limits::DEFAULT_MIN_LAYER_SIZE as i64 => {
            schema: |attribute| attribute.validate(number_range(0..=i64::MAX)),
            refresh: Aws(|seen| {
                seen.parts.generator.variable(environment::MIN_LAYER_SIZE)?.parse().ok()
            }),
        }

        /// Whether to index layers with several gzip members, such as those of eStargz and bgzip.
        /// soci-snapshotter before v0.14.0 reads such layers incorrectly: set this only if every
        /// container host runs v0.14.0 or later. If not set, they are downloaded whole.
        multi_member_layers: bool = false => {
            schema: |attribute| attribute,
            refresh: Aws(|seen| {
                seen.parts.generator.function()?;
                let variable = seen.parts.generator.variable(environment::MULTI_MEMBER_LAYERS);
                Some(variable.is_some_and(|value| value == "true"))
            }),
        }

        /// Whether to convert Docker layer media types to OCI in the SOCI-enabled image (`V2`).
        /// Otherwise layers keep Docker's, as in the reference implementation, which some tools
        /// reject in an OCI manifest.
        oci_layer_types: bool = false => {
            schema: |attribute| attribute,
            refresh: Aws(|seen| {
                seen.parts.generator.function()?;
                let variable = seen.parts.generator.variable(environment::OCI_LAYER_TYPES);
                Some(variable.is_some_and(|value| value == "true"))
            }),
        }

        /// Platforms to index, as `os/architecture` or `os/architecture/variant`, such as `linux/arm64`.
        /// If an image lacks some of them, the others are indexed. The default is every platform
        /// of each image.
        platforms: Option<BTreeSet<String>> = None => {
            schema: index_options::check_platforms,
            refresh: Aws(|seen| {
                seen.parts.generator.function()?;
                let platforms = seen.parts.generator.variable(environment::PLATFORMS);
                Some(platforms.map(|list| list.split(',').map(str::to_owned).collect()))
            }),
        }

        /// Files in the images, such as `/usr/bin/app`, that container hosts prefetch before anything reads
        /// them. Files that an image lacks are ignored. The list must fit into the 4 KB of
        /// environment variables that Lambda allows a function.
        prefetch_files: BTreeSet<String> = BTreeSet::new() => {
            schema: index_options::check_prefetch_files,
            refresh: Aws(|seen| {
                seen.parts.generator.function()?;
                match seen.parts.generator.variable(environment::PREFETCH_FILES) {
                    Some(files) => serde_json::from_str(files).ok(),
                    None => Some(BTreeSet::new()),
                }
            }),
        }

        /// Optimizations to enable: `xattr` marks layers without extended attributes, so that container
        /// hosts do not look for them.
        optimizations: BTreeSet<String> = BTreeSet::new() => {
            schema: index_options::check_optimizations,
            refresh: Aws(|seen| {
                seen.parts.generator.function()?;
                let list = seen.parts.generator.variable(environment::OPTIMIZATIONS);
                let names = list.map(|list| list.split(',').map(str::to_owned).collect());
                Some(names.unwrap_or_default())
            }),
        }

        /// EventBridge schedule expression for sweeps: `rate(1 day)`, or `cron(0 3 * * ? *)` in UTC. A
        /// sweep searches the repositories that the filters name for matching images that have no
        /// index, for example because their push event was lost or indexing failed, and has them
        /// indexed. It makes some requests to Amazon ECR. `""` means no schedule.
        sweep_schedule: String = "rate(1 day)".to_owned() => {
            schema: |attribute| attribute.validate(checks::schedule()),
            refresh: Aws(|seen| {
                seen.parts.filter.function()?;
                let rule = seen.parts.sweep.as_ref();
                Some(rule.map_or("", |rule| rule.properties.schedule()).to_owned())
            }),
        }

        /// Whether to index images that were pushed before the builder existed: a sweep starts once
        /// after the builder is created, and again when the filters, the exclusions,
        /// `index_version` or `tag_suffix` change. The apply does not wait for it: what it finds is
        /// in the logs and metrics of the event filter.
        index_existing: bool = false => {
            schema: |attribute| attribute,
            refresh: Kept("it asks for a single action; `drift` shows what is left of it"),
        }

        /// Memory of the index generator in MB, which also determines its share of CPU: 128 to
        /// 10240. 1769 MB is one full vCPU: with less, indexing takes longer and costs the same;
        /// with more, a single layer is no faster. New AWS accounts may be limited to 3008.
        memory_size: i64 = 1769 => {
            schema: |attribute| attribute.validate(number_range(128..=10_240)),
            refresh: Aws(|seen| Some(seen.parts.generator.function()?.config.memory_size)),
        }

        /// Maximum time to index one image, in seconds: 1 to 1800. Lambda formerly allowed at most
        /// 900, which may still be the limit in some regions.
        timeout: i64 = 900 => {
            schema: |attribute| attribute.validate(number_range(1..=MAX_TIMEOUT)),
            refresh: Aws(|seen| Some(seen.parts.generator.function()?.config.timeout)),
        }

        /// Size of the index generator's `/tmp` in MB: 512 to 10240. Layers are streamed and never
        /// stored, so the minimum is enough for images of any size.
        ephemeral_storage_size: i64 = DEFAULT_STORAGE => {
            schema: |attribute| attribute.validate(number_range(DEFAULT_STORAGE..=10_240)),
            refresh: Aws(|seen| {
                Some(seen.parts.generator.function()?.config.ephemeral_storage_size)
            }),
        }

        /// Instruction set of the functions: `["x86_64"]` or `["arm64"]`, if the provider was built
        /// with functions for it. Either indexes images of every architecture.
        architectures: Vec<String> = vec!["x86_64".to_owned()] => {
            schema: |attribute| attribute
                .validate(checks::architectures())
                .validate(each(checks::one_of(&["x86_64", "arm64"]))),
            refresh: Aws(|seen| Some(vec![seen.parts.generator.function()?.architecture.clone()])),
        }

        /// Maximum number of images that are indexed at the same time. The number is reserved for
        /// the index generator from the account's concurrency. `-1` sets no limit. `0` stops it:
        /// images pushed meanwhile go to `on_failure_destination_arn` without retries, or are lost.
        reserved_concurrent_executions: i64 = UNRESERVED => {
            schema: |attribute| attribute
                .validate(number_range(UNRESERVED..=i64::from(i32::MAX))),
            refresh: Aws(|seen| Some(seen.parts.generator.function()?.reserved)),
        }

        /// Minimum level of the functions' JSON logs: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or
        /// `FATAL`.
        log_level: String = "INFO".to_owned() => {
            schema: |attribute| attribute.validate(checks::one_of(&[
                "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL",
            ])),
            refresh: Aws(|seen| {
                let level = &seen.parts.generator.function()?.config.logging.level;
                (!level.is_empty()).then(|| level.clone())
            }),
        }

        /// Whether the index generator remembers the layers that it has indexed, in a DynamoDB
        /// table named `<name>-ztocs`: the next push reads only the layers that are new. An image
        /// that takes longer than `timeout` is then continued in another invocation, up to twelve
        /// times, so that only its largest layer has to fit into one. The table is billed for
        /// each request and encrypted with a key that DynamoDB owns; it forgets a layer after 90
        /// days.
        reuse_ztocs: bool = true => {
            schema: |attribute| attribute,
            refresh: Aws(|seen| {
                seen.parts.generator.function()?;
                Some(seen.parts.generator.variable(environment::ZTOC_TABLE).is_some())
            }),
        }

        /// AWS X-Ray tracing: `Active` samples and traces invocations, and attaches the AWS managed
        /// policy `AWSXRayDaemonWriteAccess` to the roles; `PassThrough` follows the caller.
        tracing_mode: String = "PassThrough".to_owned() => {
            schema: |attribute| attribute.validate(checks::one_of(&["PassThrough", "Active"])),
            refresh: Aws(|seen| Some(seen.parts.generator.function()?.config.tracing_mode.clone())),
        }

        /// Number of times that either function retries an image after a failure: 0 to 2.
        maximum_retry_attempts: i64 = DEFAULT_RETRIES => {
            schema: |attribute| attribute.validate(number_range(0..=2)),
            refresh: Aws(|seen| Some(seen.parts.generator.function()?.invocation.retries)),
        }

        /// Maximum time an image waits for either function, in seconds: 60 to 21600 (6 hours).
        maximum_event_age_in_seconds: i64 = DEFAULT_EVENT_AGE => {
            schema: |attribute| attribute.validate(number_range(60..=DEFAULT_EVENT_AGE)),
            refresh: Aws(|seen| Some(seen.parts.generator.function()?.invocation.max_age)),
        }

        /// ARN of the destination for images that could not be indexed or waited too long: an SQS
        /// queue, an SNS topic (neither of them FIFO), a Lambda function, an EventBridge event bus
        /// or an S3 bucket. Both roles are allowed to send to it. Without a destination, failures
        /// are only logged.
        on_failure_destination_arn: Option<String> = None => {
            schema: |attribute| attribute.validate(checks::destination()),
            refresh: Aws(|seen| {
                Some(seen.parts.generator.function()?.invocation.on_failure.clone())
            }),
        }

        /// ARN of the customer managed KMS key with which the SQS queue, SNS topic or S3 bucket in
        /// `on_failure_destination_arn` is encrypted. Both roles are allowed to encrypt with it,
        /// provided that the key policy delegates to IAM policies. Without that permission, Lambda
        /// drops what it cannot send.
        on_failure_destination_kms_key_arn: Option<String> = None => {
            schema: |attribute| attribute.validate(checks::key_arn()),
            refresh: Aws(|seen| {
                let policy = seen.parts.generator.role()?.policies.get(POLICY)?;
                Some(policy::destination_key(policy))
            }),
        }

        /// Name of an event bus of the same account and region, such as `default`, to which the index
        /// generator reports each image that it has finished with: what to deploy, and what was
        /// indexed. Without it no such events are sent. Failure to send an event is logged and does not
        /// fail the indexing.
        completion_event_bus_name: Option<String> = None => {
            schema: |attribute| attribute.validate(checks::event_bus()),
            refresh: Aws(|seen| {
                seen.parts.generator.function()?;
                let bus = seen.parts.generator.variable(environment::COMPLETION_EVENT_BUS);
                Some(bus.cloned())
            }),
        }

        /// ARN of the policy that is set as the permissions boundary of both roles.
        permissions_boundary: Option<String> = None => {
            schema: |attribute| attribute.validate(checks::policy_arn()),
            refresh: Aws(|seen| Some(seen.parts.generator.role()?.boundary.clone())),
        }

        /// IAM path of both roles, starting and ending with a slash, such as `/teams/images/`. AWS
        /// cannot change the path of a role, so changing it replaces the builder.
        role_path: String = "/".to_owned() => {
            schema: |attribute| attribute.requires_replace().validate(checks::role_path()),
            refresh: Aws(|seen| Some(seen.parts.generator.role()?.path.clone())),
        }

        /// ARN of the KMS key that encrypts the functions' environment variables. The roles are
        /// allowed to decrypt with it, provided that the key policy delegates to IAM policies.
        /// Without a key, Lambda uses a key that AWS owns.
        kms_key_arn: Option<String> = None => {
            schema: |attribute| attribute.validate(checks::key_arn()),
            refresh: Aws(|seen| Some(seen.parts.generator.function()?.config.kms_key_arn.clone())),
        }

        /// ARN of a code signing configuration for both functions. The code comes with the provider
        /// and is not signed with your signing profiles, so the configuration's
        /// `untrusted_artifact_on_deployment` has to be `Warn`: with `Enforce`, Lambda refuses the
        /// code.
        code_signing_config_arn: Option<String> = None => {
            schema: |attribute| attribute.validate(checks::code_signing_config()),
            refresh: Aws(|seen| {
                seen.parts.generator.function()?.code_signing.known().cloned()
            }),
        }

        /// ARNs of further managed IAM policies for the role of the index generator, such as one
        /// that your organization requires. The policies that the index generator itself needs are
        /// always attached.
        index_generator_policy_arns: BTreeSet<String> = BTreeSet::new() => {
            schema: |attribute| attribute.validate(each(checks::policy_arn())),
            refresh: Aws(|seen| {
                let attached = &seen.parts.generator.role()?.attached;
                Some(policy::additional(attached, &seen.recorded.index_generator_policy_arns))
            }),
        }

        /// Runs both functions in a VPC. They need a route from its subnets to Amazon ECR (`api`
        /// and `dkr`), to Amazon S3, where ECR stores layers, to AWS Lambda, and with `reuse_ztocs`
        /// to DynamoDB, with `completion_event_bus_name` to EventBridge: VPC endpoints or a NAT
        /// gateway. The AWS managed policy `AWSLambdaENIManagementAccess` is attached to the roles,
        /// and its actions are denied to the functions' code.
        vpc_config: Option<VpcConfig> = None => {
            schema: |block| block,
            refresh: Aws(|seen| Some(seen.parts.generator.function()?.config.vpc.clone())),
        }

        /// Number of days to keep the functions' logs: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180,
        /// 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653; 0 keeps them forever. A
        /// retention policy of the account overrides it.
        log_retention_in_days: i64 = 30 => {
            schema: |attribute| attribute.validate(checks::retention()),
            refresh: Aws(|seen| seen.parts.generator.log_group()?.own_retention()),
        }

        /// ARN of the KMS key that encrypts the log groups. The key policy must allow CloudWatch
        /// Logs in this region to use the key. Without a key, CloudWatch Logs encrypts with its
        /// own.
        log_kms_key_id: Option<String> = None => {
            schema: |attribute| attribute.validate(checks::key_arn()),
            refresh: Aws(|seen| Some(seen.parts.generator.log_group()?.kms_key.clone())),
        }

        /// Whether to keep both log groups, with what they contain, when the builder is destroyed.
        /// A new builder of the same name takes them over.
        log_skip_destroy: bool = false => {
            schema: |attribute| attribute,
            refresh: Kept("it says what a destroy does"),
        }

        /// Name of the event bus that the rule listens to. Amazon ECR sends its events to
        /// `default`; they must be forwarded to any other bus.
        event_bus_name: String = DEFAULT_BUS.to_owned() => {
            schema: |attribute| attribute.validate(checks::event_bus()),
            refresh: Kept("the rule is looked up on it"),
        }

        /// Tags of all parts: functions, roles, log groups, rules and the table. They override the
        /// provider's `default_tags`. Each part also has the tag `soci-index-builder`, by which the
        /// builder recognizes its parts: its name, a slash, and a unique name of the resource.
        tags: Option<ConfiguredTags> = None => {
            schema: |attribute| attribute.validate(checks::tags()),
            refresh: Aws(|seen| Some(tags::configured(
                &seen.parts.tags()?,
                seen.default_tags,
                seen.ignored_tags,
                seen.recorded.tags.as_ref(),
            ))),
        }
    } };
}
pub(super) use with_arguments;

with_arguments!(arguments);

impl Arguments {
    /// Returns a builder of that name with every default.
    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Returns the filters.
    pub(super) fn filters(&self) -> Vec<Filter> {
        parse_filters(&self.repository_image_tag_filters)
    }

    /// Returns the exclusions.
    pub(super) fn excluded(&self) -> Vec<Filter> {
        parse_filters(&self.excluded_image_tag_filters)
    }

    /// Returns which pushes are indexed, whatever the filters.
    pub(super) fn scope(&self) -> Scope {
        scope(&self.sources, &self.index_version, &self.tag_suffix)
    }

    /// Returns the schedule of sweeps, if there is one.
    pub(super) fn schedule(&self) -> Option<&str> {
        Some(&*self.sweep_schedule).filter(|schedule| !schedule.is_empty())
    }

    /// Whether the event filter sweeps, be it on a schedule or once.
    pub(super) fn sweeps(&self) -> bool {
        self.schedule().is_some() || self.index_existing
    }

    /// Returns the instruction set of the functions.
    pub(super) fn architecture(&self) -> &str {
        self.architectures.first().map_or("x86_64", String::as_str)
    }
}

/// Returns the filters that can be parsed: all of them, once the configuration was validated.
pub(super) fn parse_filters(filters: &[String]) -> Vec<Filter> {
    let filters = filters.iter();
    filters.filter_map(|text| text.parse().ok()).collect()
}

/// Returns the scope of a builder. Texts that a validated configuration does not contain, but AWS
/// may, count as not set.
pub(super) fn scope(sources: &BTreeSet<String>, index_version: &str, tag_suffix: &str) -> Scope {
    let sources = sources.iter().filter_map(|name| name.parse().ok());
    Scope {
        sources: Sources::from_iter(sources),
        version: index_version.parse().ok(),
        suffix: tag_suffix.parse().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
