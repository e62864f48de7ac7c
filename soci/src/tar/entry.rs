//! Entries of a tar, as a zTOC describes them.

use std::fmt;

/// Metadata of one tar entry.
///
/// Names and the like are bytes, because tar does not require UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMetadata {
    /// Path, verbatim.
    pub name: Vec<u8>,
    /// Type of the entry.
    pub kind: EntryType,
    /// Position of its data in the decompressed stream, in bytes.
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
    /// Modification time, RFC 3339 in UTC; empty outside the years 0 to 9999.
    pub mod_time: String,
    /// Major number of a device.
    pub devmajor: i64,
    /// Minor number of a device.
    pub devminor: i64,
    /// Every PAX record of the entry, sorted by key (not only extended attributes).
    pub xattrs: Vec<PaxRecord>,
}

/// One record of a PAX extended header, such as an extended attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaxRecord {
    /// Key, such as `SCHILY.xattr.user.name`.
    pub key: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
}

/// Types of tar entries that can be mounted lazily.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryType {
    /// Regular file.
    Regular,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Hard link: another name of a file in the same layer.
    Hardlink,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
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

    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        let found = Self::ALL
            .iter()
            .find(|(_, _, want)| want.as_bytes() == name);
        found.map(|(kind, _, _)| *kind)
    }

    /// Returns the name of the type in a zTOC.
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
