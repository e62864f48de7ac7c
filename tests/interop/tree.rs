//! File trees, read with everything that a tar can say about a file, and compared.

pub(crate) mod deviations;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use anyhow::{Context, Result, ensure};
use rustix::fs::{lgetxattr, llistxattr};
use sha2::{Digest, Sha256};

/// A size in bytes that the kernel lets no list of names and no value have.
const LARGEST_XATTR: usize = 64 * 1024;

/// How many files are read at once. Each call of a file that is mounted through FUSE waits for another
/// process, which a busy machine lets wait too.
const READERS: usize = 8;

/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 256 * 1024;

/// A property of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Property {
    Kind,
    Mode,
    Owner,
    Size,
    Mtime,
    Content,
    Target,
    Device,
    /// How many names a file has, counting those that are hidden.
    Links,
    /// The names that a file has.
    HardLinks,
    Xattr(OsString),
}

/// A file, as the property and what it is: paths differ where a property does.
type Properties = BTreeMap<Property, Fact>;

/// The value of a property.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    Text(String),
    Bytes(Vec<u8>),
    /// Seconds and nanoseconds.
    Time(i64, i64),
    /// It cannot be read.
    Error(Option<i32>),
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => write!(f, "{}", bytes.escape_ascii()),
            Self::Time(seconds, nanoseconds) => write!(f, "{seconds} s {nanoseconds} ns"),
            Self::Error(code) => write!(f, "error {code:?}"),
        }
    }
}

/// Where two trees disagree.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Relative to the root, which is empty.
    pub(crate) path: PathBuf,
    /// None: the file is there in one tree only.
    pub(crate) property: Option<Property>,
    pub(crate) want: Option<Fact>,
    pub(crate) got: Option<Fact>,
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            property,
            want,
            got,
        } = self;
        match property {
            Some(property) => write!(f, "{path:?}: {property:?}: got {got:?}, want {want:?}"),
            None if want.is_some() => write!(f, "{path:?}: missing"),
            None => write!(f, "{path:?}: not wanted"),
        }
    }
}

/// A tree of files.
#[derive(Debug)]
pub(crate) struct Tree {
    files: BTreeMap<PathBuf, Properties>,
}

impl Tree {
    /// Reads everything below `root`, and `root` itself.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut found = Vec::new();
        let mut groups: BTreeMap<(u64, u64), BTreeSet<PathBuf>> = BTreeMap::new();
        let mut next = vec![PathBuf::new()];
        while let Some(path) = next.pop() {
            let full = root.join(&path);
            let metadata =
                fs::symlink_metadata(&full).with_context(|| format!("{full:?}: cannot stat"))?;
            if metadata.is_dir() {
                for entry in fs::read_dir(&full).with_context(|| format!("{full:?}"))? {
                    next.push(path.join(entry?.file_name()));
                }
            } else if metadata.nlink() > 1 {
                let group = groups.entry((metadata.dev(), metadata.ino())).or_default();
                group.insert(path.clone());
            }
            found.push((path, metadata));
        }
        let mut files = read_all(root, &found)?;
        for group in groups.values().filter(|group| group.len() > 1) {
            let names: Vec<_> = group.iter().map(|path| format!("{path:?}")).collect();
            for path in group {
                if let Some(file) = files.get_mut(path) {
                    file.insert(Property::HardLinks, Fact::Text(names.join(" ")));
                }
            }
        }
        ensure!(files.len() > 1, "{}: an empty tree", root.display());
        Ok(Self { files })
    }

    /// The number of files, directories and others.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Where `self` is not what `want` is.
    pub(crate) fn differences(&self, want: &Self) -> Vec<Difference> {
        let paths: BTreeSet<_> = self.files.keys().chain(want.files.keys()).collect();
        let mut differences = Vec::new();
        for path in paths {
            let difference = |property, want, got| Difference {
                path: path.clone(),
                property,
                want,
                got,
            };
            let there = || Some(Fact::Text("there".to_owned()));
            match (self.files.get(path), want.files.get(path)) {
                (Some(got), Some(want)) => {
                    let properties: BTreeSet<_> = got.keys().chain(want.keys()).collect();
                    for property in properties {
                        let (got, want) = (got.get(property), want.get(property));
                        if got != want {
                            let property = Some(property.clone());
                            differences.push(difference(property, want.cloned(), got.cloned()));
                        }
                    }
                }
                (Some(_), None) => differences.push(difference(None, None, there())),
                (None, _) => differences.push(difference(None, there(), None)),
            }
        }
        differences
    }
}

/// The properties of files below `root`.
fn read_all(root: &Path, files: &[(PathBuf, Metadata)]) -> Result<BTreeMap<PathBuf, Properties>> {
    // A reader for every so many in turn: neighbours are in the same spans.
    let read = |first: usize| {
        let own = files.iter().skip(first).step_by(READERS);
        let read = own.map(|(path, metadata)| {
            let properties = properties(&root.join(path), metadata)?;
            Ok((path.clone(), properties))
        });
        read.collect::<Result<Vec<_>>>()
    };
    let parts = thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|first| scope.spawn(move || read(first)))
            .collect();
        let joined = readers.into_iter().map(ScopedJoinHandle::join);
        joined.collect::<Vec<_>>()
    });
    let mut all = BTreeMap::new();
    for part in parts {
        all.extend(part.unwrap_or_else(|panic| resume_unwind(panic))?);
    }
    Ok(all)
}

fn properties(path: &Path, metadata: &Metadata) -> Result<Properties> {
    let kind = metadata.file_type();
    let mut properties = Properties::new();
    let mut text = |property, text: String| {
        properties.insert(property, Fact::Text(text));
    };
    let name = if kind.is_file() {
        "file"
    } else if kind.is_dir() {
        "directory"
    } else if kind.is_symlink() {
        "symbolic link"
    } else if kind.is_char_device() {
        "character device"
    } else if kind.is_block_device() {
        "block device"
    } else if kind.is_fifo() {
        "FIFO"
    } else {
        "other"
    };
    text(Property::Kind, name.to_owned());
    text(Property::Mode, format!("{:o}", metadata.mode() & 0o7777));
    text(
        Property::Owner,
        format!("{}:{}", metadata.uid(), metadata.gid()),
    );
    if kind.is_char_device() || kind.is_block_device() {
        text(Property::Device, format!("{:#x}", metadata.rdev()));
    }
    // What a directory's size and links count is up to the filesystem.
    if !kind.is_dir() {
        text(Property::Size, metadata.size().to_string());
        text(Property::Links, metadata.nlink().to_string());
    }
    if kind.is_symlink() {
        let target = fs::read_link(path)?.into_os_string().into_vec();
        properties.insert(Property::Target, Fact::Bytes(target));
    }
    if kind.is_file() {
        properties.insert(Property::Content, fact(content(path), Fact::Text));
    }
    let mtime = Fact::Time(metadata.mtime(), metadata.mtime_nsec());
    properties.insert(Property::Mtime, mtime);
    xattrs(path, &mut properties).with_context(|| format!("{path:?}: extended attributes"))?;
    Ok(properties)
}

/// The digest of a file's content.
fn content(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; CHUNK];
    let mut hash = Sha256::new();
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

fn xattrs(path: &Path, properties: &mut Properties) -> io::Result<()> {
    let mut names = vec![0; LARGEST_XATTR];
    let length = match llistxattr(path, &mut names[..]) {
        Ok(length) => length,
        Err(error) if error == rustix::io::Errno::OPNOTSUPP => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let names = names[..length].split(|&byte| byte == 0);
    for name in names.filter(|name| !name.is_empty()) {
        let mut value = vec![0; LARGEST_XATTR];
        let name = OsString::from_vec(name.to_vec());
        let value = lgetxattr(path, &name, &mut value[..]).map(|length| {
            value.truncate(length);
            value
        });
        let value = fact(value.map_err(io::Error::from), Fact::Bytes);
        properties.insert(Property::Xattr(name), value);
    }
    Ok(())
}

fn fact<T>(value: io::Result<T>, wrap: impl FnOnce(T) -> Fact) -> Fact {
    value.map_or_else(|error| Fact::Error(error.raw_os_error()), wrap)
}
