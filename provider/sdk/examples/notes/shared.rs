//! Data that the resources share.

use std::path::PathBuf;

/// Data of the configured provider.
pub(crate) struct Shared {
    /// Base of relative paths.
    pub(crate) folder: PathBuf,
}
