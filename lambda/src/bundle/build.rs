//! Kinds of builds.

/// How the programs were built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// For Lambda: optimized, small.
    Shipped,
    /// For the machine that built them, in the time of its tests.
    Debug,
}

impl Build {
    /// Returns the version of programs that were built in this way.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Shipped => env!("CARGO_PKG_VERSION"),
            Self::Debug => concat!(env!("CARGO_PKG_VERSION"), "-debug"),
        }
    }

    /// Returns the maximum size of a program in bytes. Lambda accepts 250 MB; larger programs start
    /// slower, and have something in them that should not be there.
    pub(super) const fn max_size(self) -> usize {
        match self {
            Self::Shipped => 16 << 20,
            Self::Debug => 64 << 20,
        }
    }
}
