//! Archives whose bytes depend on nothing but their content and one time.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::epoch::Epoch;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its path, with slashes.
    pub(crate) path: String,
    pub(crate) executable: bool,
    pub(crate) content: Vec<u8>,
}

impl File {
    /// A program.
    pub(crate) fn program(path: impl Into<String>, content: Vec<u8>) -> Self {
        Self {
            path: path.into(),
            executable: true,
            content,
        }
    }

    /// A file that is no program.
    pub(crate) fn plain(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            executable: false,
            content: content.into(),
        }
    }

    fn mode(&self) -> u32 {
        if self.executable { 0o755 } else { 0o644 }
    }
}

/// Reads every file below a directory, none of which is a program. Their paths begin with `prefix`.
pub(crate) fn read(directory: &Path, prefix: &str) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{}: not UTF-8", path.display()))?;
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            files.extend(read(&path, &format!("{name}/"))?);
        } else {
            let content = fs::read(&path).with_context(|| path.display().to_string())?;
            files.push(File::plain(name, content));
        }
    }
    Ok(files)
}

/// Zips files in the order of their paths.
pub(crate) fn zip(files: &[File], epoch: Epoch) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for file in sorted(files) {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(epoch.dos().context("no time of a zip")?)
            .unix_permissions(file.mode());
        zip.start_file(file.path.as_str(), options)?;
        zip.write_all(&file.content)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Packs files into a compressed tar, in the order of their paths.
pub(crate) fn tar_gz(files: &[File], epoch: Epoch) -> Result<Vec<u8>> {
    // No time and no system: gzip would tell where it was packed.
    let gzip = GzBuilder::new().operating_system(255);
    let mut tar = tar::Builder::new(gzip.write(Vec::new(), Compression::best()));
    for file in sorted(files) {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode());
        header.set_mtime(epoch.seconds());
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, &file.path, file.content.as_slice())?;
    }
    Ok(tar.into_inner()?.finish()?)
}

fn sorted(files: &[File]) -> Vec<&File> {
    let mut files: Vec<_> = files.iter().collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn files() -> Vec<File> {
        vec![
            File::program("soci", b"program".repeat(1000)),
            File::plain("LICENSE", "text"),
        ]
    }

    fn epoch() -> Epoch {
        Epoch::parse("1767323045").unwrap()
    }

    #[test]
    fn a_zip_has_one_order_and_one_time() {
        let bytes = zip(&files(), epoch()).unwrap();
        let reversed: Vec<_> = files().into_iter().rev().collect();
        assert_eq!(bytes, zip(&reversed, epoch()).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut seen = Vec::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).unwrap();
            assert_eq!(entry.last_modified(), epoch().dos());
            let mode = entry.unix_mode().map(|mode| mode & 0o7777);
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            seen.push((entry.name().unwrap().to_string(), mode, content.len()));
        }
        let want = [
            ("LICENSE".to_owned(), Some(0o644), 4),
            ("soci".to_owned(), Some(0o755), 7000),
        ];
        assert_eq!(seen, want);
    }

    #[test]
    fn a_tar_has_one_order_one_time_and_one_owner() {
        let bytes = tar_gz(&files(), epoch()).unwrap();
        let reversed: Vec<_> = files().into_iter().rev().collect();
        assert_eq!(bytes, tar_gz(&reversed, epoch()).unwrap());
        // Time and system of the gzip header.
        assert_eq!((&bytes[4..8], bytes[9]), (&[0; 4][..], 255));
        let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(header.mtime().unwrap(), epoch().seconds());
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            let path = entry.path().unwrap().display().to_string();
            seen.push((path, header.mode().unwrap(), header.size().unwrap()));
        }
        let want = [
            ("LICENSE".to_owned(), 0o644, 4),
            ("soci".to_owned(), 0o755, 7000),
        ];
        assert_eq!(seen, want);
    }

    #[test]
    fn a_directory_is_read_with_what_is_below() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("man")).unwrap();
        fs::write(directory.path().join("man/soci.1"), "page").unwrap();
        let files = read(directory.path(), "share/").unwrap();
        assert_eq!(files, [File::plain("share/man/soci.1", "page")]);
        assert!(read(&directory.path().join("none"), "").is_err());
    }
}
