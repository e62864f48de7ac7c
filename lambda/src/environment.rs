//! The functions' environment variables.
//!
//! [`FILTERS`], [`GENERATOR_ARN`], [`INDEX_VERSION`] and [`ECR_ENDPOINT`] are those of the
//! reference solution (awslabs/cfn-ecr-aws-soci-index-builder), so that either can replace the
//! other.

/// Event filter: the [filters](crate::filters), separated by commas.
pub const FILTERS: &str = "soci_repository_image_tag_filters";
/// Event filter: filters of images that are not indexed, separated by commas. If unset, none are
/// excluded.
pub const EXCLUDED_FILTERS: &str = "soci_excluded_image_tag_filters";
/// Event filter: the [sources](crate::source) of the images that are indexed, separated by commas.
/// If unset, only pushed images are indexed.
pub const SOURCES: &str = "soci_sources";
/// Event filter: ARN of the index generator.
pub const GENERATOR_ARN: &str = "soci_index_generator_lambda_arn";
/// Both: the [index version](crate::scope::IndexVersion). If unset, the index generator uses `V2`,
/// and the event filter passes on pushes with and without a tag.
pub const INDEX_VERSION: &str = "soci_index_version";
/// Index generator: URL of the Amazon ECR API, if it is not the region's default.
pub const ECR_ENDPOINT: &str = "ECR_ENDPOINT";
/// Both: the [suffix](crate::tag_suffix::TagSuffix) of the SOCI-enabled image's tag (V2).
pub const TAG_SUFFIX: &str = "soci_tag_suffix";
/// Index generator: number of uncompressed bytes of a layer between two checkpoints, within the
/// [limits](crate::limits).
pub const SPAN_SIZE: &str = "soci_span_size";
/// Index generator: minimum size of layers that are indexed, in compressed bytes.
pub const MIN_LAYER_SIZE: &str = "soci_min_layer_size";
/// Index generator: `true` or `false`; whether the output's tag names the image itself if no layer
/// can be indexed (V2). If unset, it does. If `false`, an output of an earlier image is an error.
pub const TAG_UNINDEXED: &str = "soci_tag_unindexed_images";
/// Index generator: `true` or `false`; whether to index layers with several gzip members, which
/// soci-snapshotter before v0.14.0 reads incorrectly. If unset, they are skipped.
pub const MULTI_MEMBER_LAYERS: &str = "soci_multi_member_layers";
/// Index generator: `true` or `false`; whether to replace Docker's media types of layers with OCI's
/// (V2). If unset, they are kept.
pub const OCI_LAYER_TYPES: &str = "soci_oci_layer_types";
/// Index generator: the platforms to index, such as `linux/amd64`, separated by commas. If unset,
/// all are indexed. Platforms that an image lacks are ignored.
pub const PLATFORMS: &str = "soci_platforms";
/// Index generator: optimizations, separated by commas: `xattr` marks layers without extended
/// attributes. If unset, there are none.
pub const OPTIMIZATIONS: &str = "soci_optimizations";
/// Index generator: files of the image to fetch before anything reads them, as a JSON list of
/// paths. If unset, there are none.
pub const PREFETCH_FILES: &str = "soci_prefetch_files";
/// Both: `true` or `false`; whether the SOCI-enabled image is removed when its source's tag is
/// deleted (V2). If unset, it stays.
pub const DELETE_WITH_SOURCE: &str = "soci_delete_with_source";
/// Index generator: name of the [table](crate::ztoc_table) in which it remembers layers. If unset,
/// every layer is read.
pub const ZTOC_TABLE: &str = "soci_ztoc_table";
/// Index generator: name of the event bus to which it [reports](crate::completion) each image that
/// it has finished with. If unset, it reports none.
pub const COMPLETION_EVENT_BUS: &str = "soci_completion_event_bus";

/// Maximum total size of the names and values in a function's environment in bytes (AWS Lambda
/// quota).
pub const MAX_BYTES: usize = 4096;
