//! zTOCs: the table of contents of one layer.
//!
//! A zTOC names every file of a layer's tar with the place of its data in the decompressed
//! stream, and holds checkpoints from which decompression can start in the middle. With both,
//! one file is read out of a layer by fetching and inflating a few spans.

mod build;
mod checkpoint;
mod flatbuffer;
mod read;
mod write;

use std::fmt;

pub use build::{Builder, BuiltZtoc, Compression, CorruptLayer, Limits, Outcome, SkipReason};
pub use checkpoint::{Checkpoint, Checkpoints, WINDOW};
pub use read::InvalidZtoc;

use crate::Digest;

/// The build tool identifier of the reference implementation, part of every zTOC's bytes.
///
/// It is the default because equal inputs should give equal digests, whoever built them.
pub const DEFAULT_BUILD_TOOL: &str = "AWS SOCI CLI v0.2";

/// The default span size: 4 MiB of decompressed data.
pub const DEFAULT_SPAN_SIZE: u64 = 4 << 20;

/// The version that every zTOC carries.
const VERSION: &str = "0.9";

/// A zTOC, parsed or about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ztoc {
    /// What built it.
    pub build_tool: Vec<u8>,
    /// Size of the layer blob in bytes.
    pub compressed_size: u64,
    /// Position in the decompressed stream at which the tar's end was recognised, in bytes.
    pub uncompressed_size: u64,
    /// The files, in the order of the tar.
    pub files: Vec<FileMetadata>,
    /// Where decompression can start.
    pub checkpoints: Checkpoints,
    /// The digest of each span's compressed bytes.
    pub span_digests: Vec<Digest>,
}

/// What the tar says of one entry.
///
/// Names and the like are bytes: nothing makes them UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMetadata {
    /// Path, as it stands.
    pub name: Vec<u8>,
    /// Type of the entry.
    pub kind: EntryType,
    /// Where its data starts in the decompressed stream, in bytes.
    pub offset: i64,
    /// Size of its data in bytes.
    pub size: i64,
    /// Target of a link.
    pub linkname: Vec<u8>,
    /// Permission and mode bits.
    pub mode: i64,
    /// User id of the owner.
    pub uid: u32,
    /// Group id of the owner.
    pub gid: u32,
    /// User name of the owner.
    pub uname: Vec<u8>,
    /// Group name of the owner.
    pub gname: Vec<u8>,
    /// Time of the last change, RFC 3339 in UTC, or empty.
    pub mod_time: String,
    /// Major number of a device.
    pub devmajor: i64,
    /// Minor number of a device.
    pub devminor: i64,
    /// Every PAX record of the entry, sorted by key (not only extended attributes).
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The types of tar entries that can be mounted lazily.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryType {
    /// A file with data.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of a file of this layer.
    Hardlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
}

impl EntryType {
    const ALL: [(Self, u8, &'static str); 7] = [
        (Self::Regular, b'0', "reg"),
        (Self::Hardlink, b'1', "hardlink"),
        (Self::Symlink, b'2', "symlink"),
        (Self::CharDevice, b'3', "char"),
        (Self::BlockDevice, b'4', "block"),
        (Self::Directory, b'5', "dir"),
        (Self::Fifo, b'6', "fifo"),
    ];

    pub(crate) fn from_typeflag(flag: u8) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, want, _)| *want == flag);
        found.map(|(kind, _, _)| *kind)
    }

    fn from_name(name: &[u8]) -> Option<Self> {
        let found = Self::ALL
            .iter()
            .find(|(_, _, want)| want.as_bytes() == name);
        found.map(|(kind, _, _)| *kind)
    }

    /// The word for it in a zTOC.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regular => "reg",
            Self::Hardlink => "hardlink",
            Self::Symlink => "symlink",
            Self::CharDevice => "char",
            Self::BlockDevice => "block",
            Self::Directory => "dir",
            Self::Fifo => "fifo",
        }
    }
}

impl fmt::Display for EntryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
