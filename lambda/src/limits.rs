//! Sizes that a builder accepts, and their defaults. The engine's defaults are the same; a test
//! of the index generator holds them together.

/// Smallest span in bytes: each span costs 32 KiB in the zTOC.
pub const MIN_SPAN_SIZE: u64 = 64 << 10;
/// Largest span in bytes.
pub const MAX_SPAN_SIZE: u64 = 1 << 30;
/// Span size in bytes where none is set: 4 MiB.
pub const DEFAULT_SPAN_SIZE: u64 = 4 << 20;
/// Maximum number of files to prefetch. In a builder, the size of a function's
/// [environment](crate::environment::MAX_BYTES) bounds them further.
pub const MAX_PREFETCH_FILES: usize = 1000;
/// Compressed size in bytes below which a layer is not indexed, where none is set: 10 MiB.
pub const DEFAULT_MIN_LAYER_SIZE: u64 = 10 << 20;
