//! Size limits of a builder, and their defaults. The engine's defaults are the same; a test of the
//! index generator ensures this.

/// Minimum span size in bytes. Each span costs 32 KiB in the zTOC.
pub const MIN_SPAN_SIZE: u64 = 64 << 10;
/// Maximum span size in bytes.
pub const MAX_SPAN_SIZE: u64 = 1 << 30;
/// Default span size in bytes: 4 MiB.
pub const DEFAULT_SPAN_SIZE: u64 = 4 << 20;
/// Maximum number of files to prefetch. In a builder, the maximum size of a function's
/// [environment](crate::environment::MAX_BYTES) limits them further.
pub const MAX_PREFETCH_FILES: usize = 1000;
/// Default minimum compressed size of layers that are indexed, in bytes: 10 MiB.
pub const DEFAULT_MIN_LAYER_SIZE: u64 = 10 << 20;
