//! Kinds of builds.

/// How the programs were built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// For Lambda: optimized and small.
    Shipped,
    /// For the machine that built them, with short build times for tests.
    Debug,
}

impl Build {
    /// Returns the version of programs built this way.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Shipped => env!("CARGO_PKG_VERSION"),
            Self::Debug => concat!(env!("CARGO_PKG_VERSION"), "-debug"),
        }
    }

    /// Returns the maximum size of a program in bytes. Lambda accepts 250 MB, but larger programs
    /// start more slowly, and probably contain something that they should not.
    pub(super) const fn max_size(self) -> usize {
        match self {
            Self::Shipped => 16 << 20,
            Self::Debug => 64 << 20,
        }
    }
}
