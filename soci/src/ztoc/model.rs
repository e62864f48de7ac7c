//! The zTOC.

use super::compression::Checkpoints;
use crate::oci::Digest;
use crate::tar::FileMetadata;

/// Build tool identifier of the reference implementation, which is part of every zTOC's bytes.
///
/// It is the default so that equal inputs give equal digests, whichever tool built them.
pub const DEFAULT_BUILD_TOOL: &str = "AWS SOCI CLI v0.2";

/// Default span size: 4 MiB of decompressed data.
pub const DEFAULT_SPAN_SIZE: u64 = 4 << 20;

/// The table of contents of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ztoc {
    /// Identifier of the tool that built it.
    pub build_tool: Vec<u8>,
    /// Size of the layer blob in bytes.
    pub compressed_size: u64,
    /// Position in the decompressed stream at which the end of the tar was recognized, in bytes.
    pub uncompressed_size: u64,
    /// The files, in the order of the tar.
    pub files: Vec<FileMetadata>,
    /// Where decompression can start.
    pub checkpoints: Checkpoints,
    /// The digest of each span's compressed bytes.
    pub span_digests: Vec<Digest>,
}
