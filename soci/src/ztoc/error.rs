//! Errors of layers and zTOCs.

use super::flatbuffer::Broken;

/// A layer that is not exactly one complete stream of its compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("corrupt {compression} stream at byte {at}")]
#[non_exhaustive]
pub struct CorruptLayer {
    /// Name of the compression.
    pub compression: &'static str,
    /// Position in the compressed stream, in bytes.
    pub at: u64,
}

/// Bytes that are not a zTOC, or a zTOC that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidZtoc {
    /// The FlatBuffer is invalid at a byte position.
    #[error("broken FlatBuffer at byte {0}")]
    Broken(usize),
    /// A part is missing or not as required.
    #[error("want {0}")]
    Want(&'static str),
    /// Reading it takes more memory than is available.
    #[error("reading it takes more memory than the limit of {limit} bytes")]
    TooMuchMemory {
        /// The limit in bytes.
        limit: u64,
    },
}

impl From<Broken> for InvalidZtoc {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.at)
    }
}
