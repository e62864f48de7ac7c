//! Limits for everything that is built.

/// Maximum size of a zTOC in bytes, small so that running over it is quick.
pub const MAX_ZTOC: u64 = 4 << 20;
