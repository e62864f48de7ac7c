//! How a zTOC is built.

use super::model::{DEFAULT_BUILD_TOOL, DEFAULT_SPAN_SIZE};

/// Options for building a zTOC.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Decompressed bytes between checkpoints; at least 1.
    pub span_size: u64,
    /// Build tool identifier to write.
    pub build_tool: String,
    /// Paths of files whose spans should be prefetched.
    pub prefetch_files: Vec<String>,
    /// Limits, beyond which a layer is skipped.
    pub limits: Limits,
}

/// Limits for building a zTOC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum size of a zTOC in bytes.
    pub max_ztoc_size: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            span_size: DEFAULT_SPAN_SIZE,
            build_tool: DEFAULT_BUILD_TOOL.to_owned(),
            prefetch_files: Vec::new(),
            limits: Limits::default(),
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

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_ztoc_size: 512 << 20,
        }
    }
}

impl Limits {
    /// Sets the maximum size of a zTOC in bytes.
    #[must_use]
    pub fn with_max_ztoc_size(mut self, bytes: u64) -> Self {
        self.max_ztoc_size = bytes;
        self
    }
}
