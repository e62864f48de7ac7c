//! The functions' environment variables.
//!
//! [`FILTERS`], [`GENERATOR_ARN`], [`INDEX_VERSION`] and [`ECR_ENDPOINT`] are those of the reference
//! solution (awslabs/cfn-ecr-aws-soci-index-builder), so that either can take the other's place.

/// Event filter: the [filters](crate::filters), separated by commas.
pub const FILTERS: &str = "soci_repository_image_tag_filters";
/// Event filter: filters of images that are not indexed, separated by commas. Where it is not set, none
/// is excluded.
pub const EXCLUDED_FILTERS: &str = "soci_excluded_image_tag_filters";
/// Event filter: the [sources](crate::source) of the images that are indexed, separated by commas.
/// Where it is not set, only images that are pushed are.
pub const SOURCES: &str = "soci_sources";
/// Event filter: ARN of the index generator.
pub const GENERATOR_ARN: &str = "soci_index_generator_lambda_arn";
/// Both: the [index version](crate::scope::IndexVersion). Where it is not set, the index generator
/// uses `V2`, and the event filter passes on pushes with and without a tag.
pub const INDEX_VERSION: &str = "soci_index_version";
/// Index generator: URL of the Amazon ECR API, if it is not the region's own.
pub const ECR_ENDPOINT: &str = "ECR_ENDPOINT";
/// Both: the [suffix](crate::tag_suffix::TagSuffix) of the SOCI-enabled image's tag (V2).
pub const TAG_SUFFIX: &str = "soci_tag_suffix";
/// Index generator: uncompressed bytes of a layer between two checkpoints, within the
/// [limits](crate::limits).
pub const SPAN_SIZE: &str = "soci_span_size";
/// Index generator: compressed bytes below which a layer is not indexed.
pub const MIN_LAYER_SIZE: &str = "soci_min_layer_size";
/// Index generator: `true` or `false`; whether the output's tag names the image itself where no
/// layer can be indexed (V2). Where it is not set, it does. Otherwise an output of an earlier image
/// is an error.
pub const TAG_UNINDEXED: &str = "soci_tag_unindexed_images";
/// Index generator: `true` or `false`; whether to index layers of several gzip members, which
/// soci-snapshotter before v0.14.0 reads wrong. Where it is not set, they are left out.
pub const MULTI_MEMBER_LAYERS: &str = "soci_multi_member_layers";
/// Index generator: `true` or `false`; whether layers with Docker's media types get OCI's (V2). Where
/// it is not set, they keep them.
pub const OCI_LAYER_TYPES: &str = "soci_oci_layer_types";
/// Index generator: the platforms to index, such as `linux/amd64`, separated by commas. Where it is not
/// set, all are. One that an image lacks does not matter.
pub const PLATFORMS: &str = "soci_platforms";
/// Index generator: optimizations, separated by commas: `xattr` marks layers without extended
/// attributes. Where it is not set, there are none.
pub const OPTIMIZATIONS: &str = "soci_optimizations";
/// Index generator: files of the image to fetch before anything reads them, as a JSON list of their
/// paths. Where it is not set, there are none.
pub const PREFETCH_FILES: &str = "soci_prefetch_files";
/// Both: `true` or `false`; whether the SOCI-enabled image goes with its source's tag (V2). Where it is
/// not set, it stays.
pub const DELETE_WITH_SOURCE: &str = "soci_delete_with_source";
/// Index generator: name of the [table](crate::ztoc_table) in which it remembers layers. Where it is not
/// set, every layer is read.
pub const ZTOC_TABLE: &str = "soci_ztoc_table";
/// Index generator: name of the event bus to which it [reports](crate::completion) each image that it
/// has finished with. Where it is not set, it reports none.
pub const COMPLETION_EVENT_BUS: &str = "soci_completion_event_bus";

/// Maximum bytes of all names and values of a function's environment together (AWS Lambda quota).
pub const MAX_BYTES: usize = 4096;
