//! Tars with everything that a layer may hold.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use tar::{Builder, EntryType, Header};

/// The attributes of an entry: everything beside its name and content.
#[derive(Clone, Debug)]
pub(crate) struct Attributes {
    pub(crate) mode: u32,
    pub(crate) owner: (u64, u64),
    /// Seconds since 1970, with a fraction if it has one, as PAX writes it.
    pub(crate) mtime: &'static str,
    /// Extended attributes; PAX records are UTF-8 in key only.
    pub(crate) xattrs: &'static [(&'static str, &'static [u8])],
}

/// A plain file's or directory's.
pub(crate) const PLAIN: Attributes = Attributes {
    mode: 0o644,
    owner: (0, 0),
    mtime: "1700000000",
    xattrs: &[],
};

impl Attributes {
    pub(crate) const fn mode(mode: u32) -> Self {
        Self { mode, ..PLAIN }
    }

    pub(crate) const fn mtime(mtime: &'static str) -> Self {
        Self { mtime, ..PLAIN }
    }

    pub(crate) const fn xattrs(xattrs: &'static [(&'static str, &'static [u8])]) -> Self {
        Self { xattrs, ..PLAIN }
    }
}

/// A tar in the making.
pub(crate) struct Archive<W: Write> {
    tar: Builder<W>,
    /// Directories with an entry.
    listed: BTreeSet<PathBuf>,
    /// Directories that entries are in.
    used: BTreeSet<PathBuf>,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self {
            tar: Builder::new(writer),
            listed: BTreeSet::new(),
            used: BTreeSet::new(),
        }
    }

    pub(crate) fn directory(&mut self, path: &str, attributes: &Attributes) -> Result<()> {
        self.listed.insert(PathBuf::from(path));
        let mode = attributes.mode | 0o111;
        let attributes = Attributes {
            mode,
            ..attributes.clone()
        };
        let path = PathBuf::from(format!("{path}/"));
        self.entry(EntryType::Directory, &path, &attributes, 0, &b""[..])
    }

    pub(crate) fn file(
        &mut self,
        path: impl AsRef<Path>,
        attributes: &Attributes,
        content: &[u8],
    ) -> Result<()> {
        self.stream(path, attributes, content.len() as u64, content)
    }

    /// A file of `size` bytes.
    pub(crate) fn stream(
        &mut self,
        path: impl AsRef<Path>,
        attributes: &Attributes,
        size: u64,
        content: impl Read,
    ) -> Result<()> {
        self.entry(
            EntryType::Regular,
            path.as_ref(),
            attributes,
            size,
            content.take(size),
        )
    }

    pub(crate) fn symlink(
        &mut self,
        path: &str,
        target: &str,
        attributes: &Attributes,
    ) -> Result<()> {
        self.link(EntryType::Symlink, path, target, attributes)
    }

    pub(crate) fn hard_link(&mut self, path: &str, target: &str) -> Result<()> {
        self.link(EntryType::Link, path, target, &PLAIN)
    }

    /// A device or a FIFO.
    pub(crate) fn special(
        &mut self,
        kind: EntryType,
        path: &str,
        (major, minor): (u32, u32),
    ) -> Result<()> {
        let mut header = self.header(kind, &PLAIN, 0)?;
        header.set_device_major(major)?;
        header.set_device_minor(minor)?;
        self.note(Path::new(path));
        Ok(self.tar.append_data(&mut header, path, &b""[..])?)
    }

    /// Global PAX records. A zTOC has no place for them.
    pub(crate) fn global_records(&mut self) -> Result<()> {
        let records = b"19 comment=nothing\n";
        let mut header = self.header(EntryType::XGlobalHeader, &PLAIN, records.len() as u64)?;
        Ok(self
            .tar
            .append_data(&mut header, "pax_global_header", &records[..])?)
    }

    /// Ends the tar. Returns the directories that have no entry, the root among them, and what
    /// the tar was written to.
    pub(crate) fn finish(self) -> Result<(BTreeSet<PathBuf>, W)> {
        let implied = self.used.difference(&self.listed).cloned().collect();
        Ok((implied, self.tar.into_inner()?))
    }

    fn link(
        &mut self,
        kind: EntryType,
        path: &str,
        target: &str,
        attributes: &Attributes,
    ) -> Result<()> {
        let mut header = self.header(kind, attributes, 0)?;
        self.note(Path::new(path));
        Ok(self.tar.append_link(&mut header, path, target)?)
    }

    fn entry(
        &mut self,
        kind: EntryType,
        path: &Path,
        attributes: &Attributes,
        size: u64,
        content: impl Read,
    ) -> Result<()> {
        let mut header = self.header(kind, attributes, size)?;
        self.note(path);
        Ok(self.tar.append_data(&mut header, path, content)?)
    }

    /// The header of an entry, after the PAX records that it needs.
    fn header(&mut self, kind: EntryType, attributes: &Attributes, size: u64) -> Result<Header> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(attributes.mode);
        header.set_size(size);
        header.set_uid(attributes.owner.0);
        header.set_gid(attributes.owner.1);
        let xattrs = attributes.xattrs.iter();
        let mut records: Vec<_> = xattrs
            .map(|(name, value)| (format!("SCHILY.xattr.{name}"), *value))
            .collect();
        match attributes.mtime.parse() {
            Ok(seconds) => header.set_mtime(seconds),
            Err(_) => {
                header.set_mtime(0);
                records.push(("mtime".to_owned(), attributes.mtime.as_bytes()));
            }
        }
        if !records.is_empty() {
            let records = records.iter().map(|(key, value)| (key.as_str(), *value));
            self.tar.append_pax_extensions(records)?;
        }
        Ok(header)
    }

    fn note(&mut self, path: &Path) {
        self.used
            .extend(path.ancestors().skip(1).map(Path::to_owned));
    }
}
