//! The functions' environment variables.
//!
//! The first four are those of the reference solution (awslabs/cfn-ecr-aws-soci-index-builder),
//! so that either can take the other's place.

/// Event filter: the [filters](crate::filters), separated by commas.
pub const FILTERS: &str = "soci_repository_image_tag_filters";
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

/// Maximum bytes of all names and values of a function's environment together (AWS Lambda quota).
pub const MAX_BYTES: usize = 4096;
