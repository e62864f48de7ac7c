//! The environment variables of the functions.
//!
//! The first four are those of the reference solution (awslabs/cfn-ecr-aws-soci-index-builder),
//! so that either can take the other's place.

/// Event filter: the [filters](crate::filters), separated by commas.
pub const FILTERS: &str = "soci_repository_image_tag_filters";
/// Event filter: the index generator's ARN.
pub const GENERATOR_ARN: &str = "soci_index_generator_lambda_arn";
/// Both: `V1` or `V2`. The index generator takes `V2` where it is not set. The event filter leaves
/// out pushes without a tag when it is `V2`, and decides nothing by it where it is not set.
pub const INDEX_VERSION: &str = "soci_index_version";
/// Index generator: URL of the Amazon ECR API, when it is not the region's own.
pub const ECR_ENDPOINT: &str = "ECR_ENDPOINT";
/// Both: what is appended to a tag for the SOCI-enabled image (V2). Default: [`TAG_SUFFIX_DEFAULT`].
pub const TAG_SUFFIX: &str = "soci_tag_suffix";
/// Index generator: bytes of a decompressed layer between two checkpoints.
pub const SPAN_SIZE: &str = "soci_span_size";
/// Index generator: layers of fewer compressed bytes are left out.
pub const MIN_LAYER_SIZE: &str = "soci_min_layer_size";

/// The suffix where [`TAG_SUFFIX`] is not set.
pub const TAG_SUFFIX_DEFAULT: &str = "-soci";
/// Bytes that names and values of a function's environment may have together (AWS Lambda quota).
pub const MAX_BYTES: usize = 4096;
