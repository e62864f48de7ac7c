//! Limits for everything that is built.

/// Maximum memory of a layer in bytes, small so that running over it is quick: what every layer takes,
/// and some for its zTOC.
pub const MAX_MEMORY: u64 = (8 << 20) + (4 << 20);
