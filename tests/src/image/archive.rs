//! The tar of a layer.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
use tar::{Builder, EntryType, Header};

/// A tar under construction. Missing parent directories are added.
pub struct Archive<'a> {
    tar: Builder<&'a mut dyn Write>,
    directories: BTreeSet<String>,
}

impl Archive<'_> {
    /// Adds a regular file.
    pub fn file(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.stream(path, content.len() as u64, content)
    }

    /// Adds a file of this machine, streaming it.
    pub fn host_file(&mut self, path: &str, source: &Path) -> Result<()> {
        let context = || format!("{}: cannot read", source.display());
        let file = File::open(source).with_context(context)?;
        let size = file.metadata().with_context(context)?.len();
        self.stream(path, size, file).with_context(context)
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        self.parents(path)?;
        let mut header = header(EntryType::Symlink, 0o777, 0);
        Ok(self.tar.append_link(&mut header, path, target)?)
    }

    fn stream(&mut self, path: &str, size: u64, content: impl Read) -> Result<()> {
        self.parents(path)?;
        let mut header = header(EntryType::Regular, 0o644, size);
        // The size in the header is used, even if the file grows in the
        // meantime.
        Ok(self
            .tar
            .append_data(&mut header, path, content.take(size))?)
    }

    fn parents(&mut self, path: &str) -> Result<()> {
        for (end, _) in path.match_indices('/') {
            let directory = &path[..=end];
            if self.directories.insert(directory.to_owned()) {
                let mut header = header(EntryType::Directory, 0o755, 0);
                self.tar
                    .append_data(&mut header, directory, std::io::empty())?;
            }
        }
        Ok(())
    }
}

/// Writes a complete tar with the entries that `fill` adds.
pub(super) fn write(
    out: &mut dyn Write,
    fill: impl FnOnce(&mut Archive<'_>) -> Result<()>,
) -> Result<()> {
    let mut archive = Archive {
        tar: Builder::new(out),
        directories: BTreeSet::new(),
    };
    fill(&mut archive)?;
    Ok(archive.tar.finish()?)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
