//! Entries of a tar, as a zTOC describes them.

use std::fmt;

use super::packed::{Unpack, put_bytes, put_number};

/// Metadata of one tar entry.
///
/// Names and other strings are bytes, because tar does not require UTF-8.
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
    /// All PAX records of the entry, sorted by key (not only extended attributes).
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

/// An entry whose data is borrowed: from a header, a [`FileMetadata`] or packed data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub name: &'a [u8],
    pub kind: EntryType,
    pub offset: i64,
    pub size: i64,
    pub linkname: &'a [u8],
    pub mode: i64,
    pub uid: u32,
    pub gid: u32,
    pub uname: &'a [u8],
    pub gname: &'a [u8],
    pub mod_time: &'a str,
    pub devmajor: i64,
    pub devminor: i64,
    pub records: Records<'a>,
}

/// Borrowed PAX records, sorted by key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Records<'a> {
    /// Alternating keys and values.
    Packed(&'a [u8]),
    Unpacked(&'a [PaxRecord]),
}

impl<'a> Records<'a> {
    /// Returns the keys and values.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let (packed, unpacked) = match self {
            Self::Packed(packed) => (packed, &[][..]),
            Self::Unpacked(unpacked) => (&[][..], unpacked),
        };
        let mut packed = Unpack(packed);
        let packed = std::iter::from_fn(move || {
            (!packed.0.is_empty()).then(|| (packed.bytes(), packed.bytes()))
        });
        let unpacked = unpacked.iter().map(|record| (&*record.key, &*record.value));
        packed.chain(unpacked)
    }
}

impl Entry<'_> {
    /// Maximum size in bytes of the packed form excluding strings: the type, and numbers and
    /// lengths of up to ten bytes each.
    const LONGEST: usize = 1 + 13 * 10;

    /// Returns the maximum size of the packed form in bytes.
    pub(crate) fn packed_size(&self) -> usize {
        let records = match self.records {
            Records::Packed(packed) => packed.len(),
            Records::Unpacked(unpacked) => {
                let sizes = unpacked.iter().map(|r| r.key.len() + r.value.len() + 20);
                sizes.sum()
            }
        };
        let texts = [self.name, self.linkname, self.uname, self.gname];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        Self::LONGEST + texts + self.mod_time.len() + records
    }

    /// Appends the entry in its packed form.
    pub(crate) fn pack(&self, to: &mut Vec<u8>) {
        to.push(self.kind.typeflag());
        for number in [
            self.offset,
            self.size,
            self.mode,
            i64::from(self.uid),
            i64::from(self.gid),
            self.devmajor,
            self.devminor,
        ] {
            put_number(to, number.cast_unsigned());
        }
        put_bytes(to, self.name);
        put_bytes(to, self.linkname);
        put_bytes(to, self.uname);
        put_bytes(to, self.gname);
        put_bytes(to, self.mod_time.as_bytes());
        match self.records {
            Records::Packed(packed) => put_bytes(to, packed),
            records @ Records::Unpacked(_) => {
                let mut packed = Vec::new();
                for (key, value) in records.iter() {
                    put_bytes(&mut packed, key);
                    put_bytes(&mut packed, value);
                }
                put_bytes(to, &packed);
            }
        }
    }
}

impl<'a> Unpack<'a> {
    /// Returns the next entry.
    pub(crate) fn entry(&mut self) -> Entry<'a> {
        let kind = EntryType::from_typeflag(self.0[0]).unwrap_or(EntryType::Regular);
        self.0 = &self.0[1..];
        let mut number = || self.number().cast_signed();
        let (offset, size, mode) = (number(), number(), number());
        let (uid, gid) = (number() as u32, number() as u32);
        let (devmajor, devminor) = (number(), number());
        Entry {
            kind,
            offset,
            size,
            mode,
            uid,
            gid,
            devmajor,
            devminor,
            name: self.bytes(),
            linkname: self.bytes(),
            uname: self.bytes(),
            gname: self.bytes(),
            mod_time: std::str::from_utf8(self.bytes()).unwrap_or_default(),
            records: Records::Packed(self.bytes()),
        }
    }
}

impl FileMetadata {
    pub(crate) fn as_entry(&self) -> Entry<'_> {
        Entry {
            name: &self.name,
            kind: self.kind,
            offset: self.offset,
            size: self.size,
            linkname: &self.linkname,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            uname: &self.uname,
            gname: &self.gname,
            mod_time: &self.mod_time,
            devmajor: self.devmajor,
            devminor: self.devminor,
            records: Records::Unpacked(&self.xattrs),
        }
    }
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

    fn typeflag(self) -> u8 {
        let found = Self::ALL.iter().find(|(kind, _, _)| *kind == self);
        found.map_or(0, |(_, flag, _)| *flag)
    }

    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        let found = Self::ALL
            .iter()
            .find(|(_, _, want)| want.as_bytes() == name);
        found.map(|(kind, _, _)| *kind)
    }

    /// Returns the name that a zTOC uses for the type.
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
