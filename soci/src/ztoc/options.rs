//! Options for building a zTOC.

use super::model::{DEFAULT_BUILD_TOOL, DEFAULT_SPAN_SIZE};
use crate::memory::MemoryBudget;

/// Options for building a zTOC.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Number of decompressed bytes between checkpoints; at least 1.
    pub span_size: u64,
    /// Build tool identifier to write.
    pub build_tool: String,
    /// Paths of files whose spans should be prefetched.
    pub prefetch_files: Vec<String>,
    /// Whether to skip layers with several gzip members.
    pub single_member: bool,
    /// Memory budget shared by all layers that are indexed concurrently. A layer that needs more is
    /// skipped.
    pub memory: MemoryBudget,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            span_size: DEFAULT_SPAN_SIZE,
            build_tool: DEFAULT_BUILD_TOOL.to_owned(),
            prefetch_files: Vec::new(),
            single_member: false,
            memory: MemoryBudget::default(),
        }
    }
}

impl Options {
    /// Sets the number of decompressed bytes between checkpoints.
    #[must_use]
    pub fn with_span_size(mut self, bytes: u64) -> Self {
        self.span_size = bytes;
        self
    }

    /// Sets the build tool identifier.
    #[must_use]
    pub fn with_build_tool(mut self, identifier: impl Into<String>) -> Self {
        self.build_tool = identifier.into();
        self
    }

    /// Sets the paths of files whose spans should be prefetched.
    #[must_use]
    pub fn with_prefetch_files(mut self, paths: Vec<String>) -> Self {
        self.prefetch_files = paths;
        self
    }

    /// Sets whether to skip layers with several gzip members.
    #[must_use]
    pub fn with_single_member(mut self, single: bool) -> Self {
        self.single_member = single;
        self
    }

    /// Sets the memory budget shared by all layers that are indexed concurrently.
    #[must_use]
    pub fn with_memory(mut self, budget: MemoryBudget) -> Self {
        self.memory = budget;
        self
    }
}
