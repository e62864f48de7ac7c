//! Arbitrary tar archives, together with what a reader must find in them.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::sample::Index;
use soci::ztoc::EntryType;

/// How a tar writer wrote an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V7,
    Ustar,
    Gnu,
    Pax,
}

/// How an archive ends.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// The two zero blocks, and some more.
    Marker { more: u8 },
    /// The two zero blocks, then something that is no tar.
    Junk { size: u16 },
    /// One zero block only.
    HalfMarker,
    /// Right after the last entry.
    Nothing,
}

/// The content of a file, small to print and quick to make again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content {
    seed: u64,
    size: usize,
    texture: Texture,
}

#[derive(Debug, Clone, Copy)]
enum Texture {
    Zeros,
    Words,
    Noise,
}

#[derive(Debug, Clone)]
enum Kind {
    Regular(Content),
    Directory,
    Symlink { to: Index, absolute: bool },
    Hardlink { to: Index },
    Fifo,
    Device { block: bool, major: u16, minor: u16 },
}

/// An entry as it is drawn. Links, and names that occur again, point at an earlier entry.
#[derive(Debug, Clone)]
struct Draft {
    name: Name,
    kind: Kind,
    dialect: Dialect,
    mode: u16,
    uid: u32,
    gid: u32,
    mtime: i64,
    uname: String,
    xattrs: Vec<(String, Vec<u8>)>,
}

#[derive(Debug, Clone)]
enum Name {
    New {
        depth: u8,
        length: u16,
        latin: bool,
        dotted: bool,
    },
    Again(Index),
}

/// An archive as it is drawn.
#[derive(Debug, Clone)]
pub(crate) struct ArchiveDraft {
    entries: Vec<Draft>,
    pub end: End,
}

/// One entry as it is written, with what a reader must find.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub name: Vec<u8>,
    pub kind: EntryType,
    pub linkname: Vec<u8>,
    pub data: Vec<u8>,
    pub mode: i64,
    pub uid: u32,
    pub gid: u32,
    pub mtime: i64,
    pub uname: Vec<u8>,
    pub devmajor: i64,
    pub devminor: i64,
    pub dialect: Dialect,
    /// PAX records; the writer adds its own.
    pub records: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the data starts.
    pub offset: usize,
}

/// An archive: its bytes, and what is in them.
#[derive(Debug)]
pub(crate) struct Archive {
    pub bytes: Vec<u8>,
    pub entries: Vec<Entry>,
    /// Where a reader recognises the end.
    pub end: usize,
}

pub(crate) fn content() -> impl Strategy<Value = Content> {
    let size = prop_oneof![
        4 => 0..700_usize,
        4 => 700..20_000_usize,
        2 => (0..40_usize).prop_map(|blocks| blocks * 512),
        1 => 150_000..400_000_usize,
    ];
    let texture = prop_oneof![
        1 => Just(Texture::Zeros),
        3 => Just(Texture::Words),
        2 => Just(Texture::Noise),
    ];
    (any::<u64>(), size, texture).prop_map(|(seed, size, texture)| Content {
        seed,
        size,
        texture,
    })
}

fn draft() -> impl Strategy<Value = Draft> {
    let length = prop_oneof![6 => 1..30_u16, 3 => 90..110_u16, 2 => 150..300_u16, 1 => Just(2000)];
    let name = prop_oneof![
        9 => (0..4_u8, length, any::<bool>(), any::<bool>())
            .prop_map(|(depth, length, latin, dotted)| Name::New { depth, length, latin, dotted }),
        1 => any::<Index>().prop_map(Name::Again),
    ];
    let kind = prop_oneof![
        10 => content().prop_map(Kind::Regular),
        3 => Just(Kind::Directory),
        2 => (any::<Index>(), any::<bool>())
            .prop_map(|(to, absolute)| Kind::Symlink { to, absolute }),
        2 => any::<Index>().prop_map(|to| Kind::Hardlink { to }),
        1 => Just(Kind::Fifo),
        1 => any::<(bool, u16, u16)>()
            .prop_map(|(block, major, minor)| Kind::Device { block, major, minor }),
    ];
    let dialect = prop_oneof![
        Just(Dialect::V7),
        Just(Dialect::Ustar),
        Just(Dialect::Gnu),
        Just(Dialect::Pax)
    ];
    let owner = || prop_oneof![3 => 0..2000_u32, 1 => any::<u32>()];
    let mtime = prop_oneof![
        3 => 0..2_000_000_000_i64,
        1 => -100_000_000_000..300_000_000_000_i64
    ];
    let xattr = ("[a-z.]{1,20}", prop::collection::vec(any::<u8>(), 0..200));
    (
        (name, kind, dialect, 0..0o10000_u16, owner(), owner(), mtime),
        "[a-z]{0,31}",
        prop::collection::vec(xattr, 0..3),
    )
        .prop_map(
            |((name, kind, dialect, mode, uid, gid, mtime), uname, xattrs)| Draft {
                name,
                kind,
                dialect,
                mode,
                uid,
                gid,
                mtime,
                uname,
                xattrs,
            },
        )
}

/// Archives of up to `entries` entries.
pub(crate) fn archive(entries: usize) -> impl Strategy<Value = ArchiveDraft> {
    let end = prop_oneof![
        4 => (0..19_u8).prop_map(|more| End::Marker { more }),
        1 => any::<u16>().prop_map(|size| End::Junk { size }),
        1 => Just(End::HalfMarker),
        1 => Just(End::Nothing),
    ];
    (prop::collection::vec(draft(), 0..=entries), end)
        .prop_map(|(entries, end)| ArchiveDraft { entries, end })
}

impl ArchiveDraft {
    /// Returns the entries, each with what it needs of the ones before it.
    pub(crate) fn settle(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (number, draft) in self.entries.iter().enumerate() {
            let entry = draft.settle(number, &entries);
            entries.push(entry);
        }
        entries
    }
}

impl Draft {
    fn settle(&self, number: usize, earlier: &[Entry]) -> Entry {
        let target = |to: &Index| match earlier {
            [] => b"nowhere".to_vec(),
            _ => to.get(earlier).name.clone(),
        };
        let mut name = match &self.name {
            Name::Again(index) if !earlier.is_empty() => target(index),
            Name::Again(_) => format!("again-{number}").into_bytes(),
            Name::New {
                depth,
                length,
                latin,
                dotted,
            } => new_name(number, *depth, usize::from(*length), *latin, *dotted),
        };
        while name.ends_with(b"/") {
            name.pop();
        }
        let (mut linkname, mut data, mut device) = (Vec::new(), Vec::new(), (0, 0));
        let kind = match &self.kind {
            Kind::Regular(content) => {
                data = content.bytes();
                EntryType::Regular
            }
            Kind::Directory => {
                name.push(b'/');
                EntryType::Directory
            }
            Kind::Symlink { to, absolute } => {
                let climb = name.iter().filter(|&&b| b == b'/').count();
                let way = if *absolute {
                    "/".to_owned()
                } else {
                    "../".repeat(climb)
                };
                linkname = [way.as_bytes(), &target(to)].concat();
                EntryType::Symlink
            }
            Kind::Hardlink { to } => {
                linkname = target(to);
                EntryType::Hardlink
            }
            Kind::Fifo => EntryType::Fifo,
            Kind::Device {
                block,
                major,
                minor,
            } => {
                device = (i64::from(*major), i64::from(*minor));
                if *block {
                    EntryType::BlockDevice
                } else {
                    EntryType::CharDevice
                }
            }
        };
        let xattrs = self.xattrs.iter();
        let records = xattrs.map(|(key, value)| {
            let key = format!("SCHILY.xattr.user.{key}");
            (key.into_bytes(), value.clone())
        });
        Entry {
            name,
            kind,
            linkname,
            data,
            mode: i64::from(self.mode),
            uid: self.uid,
            gid: self.gid,
            mtime: self.mtime,
            uname: self.uname.clone().into_bytes(),
            devmajor: device.0,
            devminor: device.1,
            dialect: self.dialect,
            records: records.collect(),
            offset: 0,
        }
    }
}

/// A name that no other entry has: its number is part of it.
fn new_name(number: usize, depth: u8, length: usize, latin: bool, dotted: bool) -> Vec<u8> {
    let mut name = if dotted { b"./".to_vec() } else { Vec::new() };
    for level in 0..depth {
        name.extend_from_slice(format!("d{level}/").as_bytes());
    }
    name.extend_from_slice(format!("f{number}").as_bytes());
    while name.len() < length {
        // Long names have slashes for USTAR to split at.
        name.push(match name.len() % 40 {
            39 => b'/',
            _ if latin => 0xe9,
            _ => b'x',
        });
    }
    name
}

impl Content {
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut state = self.seed;
        let mut bytes = Vec::with_capacity(self.size + 8);
        while bytes.len() < self.size {
            let word = next(&mut state);
            match self.texture {
                Texture::Zeros => bytes.resize(self.size, 0),
                Texture::Noise => bytes.extend_from_slice(&word.to_le_bytes()),
                Texture::Words => {
                    const WORDS: [&str; 4] = ["layer ", "span\n", "checkpoint ", "\tof a tar "];
                    let at = (word % 4) as usize;
                    bytes.extend_from_slice(WORDS[at].as_bytes());
                }
            }
        }
        bytes.truncate(self.size);
        bytes
    }
}

/// The next number of a SplitMix64 sequence.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

impl Archive {
    /// The entry that a consumer sees under a name: the last one of that name, links followed.
    pub(crate) fn resolve(&self, name: &[u8]) -> Option<&Entry> {
        let entries = self.entries.iter();
        let by_name: HashMap<_, _> = entries.map(|entry| (path(&entry.name), entry)).collect();
        let mut name = path(name);
        for _ in 0..40 {
            let entry = by_name.get(&name)?;
            name = match entry.kind {
                EntryType::Regular => return Some(entry),
                EntryType::Hardlink => path(&entry.linkname),
                EntryType::Symlink if entry.linkname.starts_with(b"/") => path(&entry.linkname),
                EntryType::Symlink => {
                    name.pop();
                    let directory = name.join(&b'/');
                    path(&[&directory[..], b"/", &entry.linkname].concat())
                }
                _ => return None,
            };
        }
        None
    }
}

fn path(name: &[u8]) -> Vec<Vec<u8>> {
    let mut path = Vec::new();
    for part in name.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                path.pop();
            }
            _ => path.push(part.to_vec()),
        }
    }
    path
}
