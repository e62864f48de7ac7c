//! Images in an archive: an image layout in a tar, or the output of `docker save`.
//!
//! Opening an archive records the position of each blob in the file; blobs are then read from
//! there. Docker's older archives have no manifests. They are generated from `manifest.json`, as
//! containerd does on import.

use std::collections::{BTreeSet, HashMap, hash_map};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::content::MAX_MANIFEST;
use super::listing::{IMAGE_NAME, REF_NAME};
use crate::error::{Error, Result};
use crate::oci::{
    Descriptor, Digest, ImageIndex, ImageManifest, ImageReference, Manifest, json, media_type,
};

/// Maximum size of a name or a PAX record in an archive, in bytes.
const MAX_NAME: u64 = 1 << 20;
/// Maximum number of files in an archive.
const MAX_FILES: usize = 100_000;
/// Maximum length of a chain of symbolic links.
const MAX_LINKS: usize = 8;
/// Size of the pieces in which a layer is hashed, in bytes.
const PIECE: usize = 256 << 10;

/// An opened archive.
#[derive(Debug)]
pub(super) struct Archive {
    pub path: PathBuf,
    /// The list of its images.
    pub index: ImageIndex,
    blobs: HashMap<Digest, Place>,
}

/// Location of a blob.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// In the file.
    File { offset: u64, size: u64 },
    /// In memory, because it was generated.
    Made(Bytes),
}

/// A file in the archive.
enum Entry {
    Regular { offset: u64, size: u64 },
    Link { to: PathBuf },
}

/// One image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl Archive {
    /// Opens an archive. If it has no manifests, all of it is read to hash its layers.
    ///
    /// # Errors
    /// If it cannot be read or has no images.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let entries = Entries::read(path)?;
        if let Some(index) = entries.document("index.json")? {
            return Ok(Self {
                path: path.to_owned(),
                index: json::from_slice(entries.name("index.json"), &index)?,
                blobs: entries.blobs(),
            });
        }
        let Some(saved) = entries.document("manifest.json")? else {
            return Err(not_an_archive(
                path,
                "neither an image layout (index.json) nor the output of docker save \
                 (manifest.json)",
            ));
        };
        let saved: Vec<Saved> = json::from_slice(entries.name("manifest.json"), &saved)?;
        entries.import(&saved)
    }

    /// Returns the location of a blob.
    ///
    /// # Errors
    /// If the archive does not have it.
    pub(super) fn find(&self, digest: Digest) -> Result<&Place> {
        self.blobs.get(&digest).ok_or_else(|| Error::Io {
            path: format!("{}: blob {digest}", self.path.display()),
            source: io::Error::new(io::ErrorKind::NotFound, "not in the archive"),
        })
    }

    /// Checks that there is only one image name, if any.
    ///
    /// # Errors
    /// If there are several; the error lists them.
    pub(super) fn check_one_image(&self) -> Result<()> {
        let names = self.index.manifests.iter().map(|listed| {
            let annotations = &listed.annotations;
            annotations.get(IMAGE_NAME).or(annotations.get(REF_NAME))
        });
        let names: BTreeSet<&String> = names.flatten().collect();
        let digests = self.index.manifests.iter().map(|listed| listed.digest);
        let is_one = digests.collect::<BTreeSet<_>>().len() == 1;
        if names.len() < 2 || is_one {
            return Ok(());
        }
        Err(Error::SeveralImages {
            path: self.path.clone(),
            names: names.into_iter().cloned().collect(),
        })
    }
}

fn not_an_archive(path: &Path, reason: &'static str) -> Error {
    Error::NotALayout {
        path: path.to_owned(),
        reason,
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    |source| Error::Io { path, source }
}

/// Rejects entries that [`tar`] would read into memory whatever their size, and sparse files, whose
/// bytes are not where they should be.
fn check_headers(path: &Path, file: &mut File) -> Result<()> {
    let mut archive = tar::Archive::new(BufReader::new(&mut *file));
    let entries = archive.entries_with_seek().map_err(io_error(path))?;
    for entry in entries.raw(true) {
        let entry = entry.map_err(io_error(path))?;
        let kind = entry.header().entry_type();
        if kind.is_gnu_sparse() {
            return Err(not_an_archive(
                path,
                "an archive with a sparse file; pack it without --sparse",
            ));
        }
        let is_of_another = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if is_of_another && entry.size() > MAX_NAME {
            return Err(Error::TooLarge {
                what: format!("{}: a name or a record in the archive", path.display()),
                limit: MAX_NAME,
            });
        }
    }
    file.rewind().map_err(io_error(path))
}

/// The files of an archive by path.
struct Entries<'a> {
    path: &'a Path,
    files: HashMap<PathBuf, Entry>,
}

impl<'a> Entries<'a> {
    fn read(path: &'a Path) -> Result<Self> {
        let mut file = File::open(path).map_err(io_error(path))?;
        check_not_compressed(path, &mut file)?;
        check_headers(path, &mut file)?;
        let mut files = HashMap::new();
        let mut archive = tar::Archive::new(BufReader::new(file));
        for entry in archive.entries_with_seek().map_err(io_error(path))? {
            let entry = entry.map_err(io_error(path))?;
            if files.len() == MAX_FILES {
                return Err(Error::TooLarge {
                    what: format!("{}: a list of files", path.display()),
                    limit: MAX_FILES as u64,
                });
            }
            let name = clean(&entry.path().map_err(io_error(path))?);
            let kind = entry.header().entry_type();
            let found = if kind.is_file() {
                Entry::Regular {
                    offset: entry.raw_file_position(),
                    size: entry.size(),
                }
            } else if kind.is_symlink() || kind.is_hard_link() {
                let Some(to) = entry.link_name().map_err(io_error(path))? else {
                    continue;
                };
                let base = match name.parent() {
                    Some(parent) if kind.is_symlink() => parent.join(&*to),
                    _ => to.into_owned(),
                };
                Entry::Link { to: clean(&base) }
            } else {
                continue;
            };
            // As when unpacking, the last entry wins.
            files.insert(name, found);
        }
        Ok(Self { path, files })
    }

    /// Returns the name of a file for messages.
    fn name(&self, file: &str) -> String {
        format!("{}: {file}", self.path.display())
    }

    /// Finds a regular file, following links.
    fn find(&self, file: &str) -> Option<(u64, u64)> {
        let mut path = clean(Path::new(file));
        for _ in 0..MAX_LINKS {
            match self.files.get(&path)? {
                Entry::Regular { offset, size } => return Some((*offset, *size)),
                Entry::Link { to } => path.clone_from(to),
            }
        }
        None
    }

    /// Opens a regular file, if there is one.
    fn open(&self, file: &str) -> Result<Option<io::Take<File>>> {
        let Some((offset, size)) = self.find(file) else {
            return Ok(None);
        };
        let mut archive = File::open(self.path).map_err(io_error(self.path))?;
        archive
            .seek(SeekFrom::Start(offset))
            .map_err(io_error(self.path))?;
        Ok(Some(archive.take(size)))
    }

    /// Reads a small file, if there is one.
    fn document(&self, file: &str) -> Result<Option<Bytes>> {
        let Some(mut reader) = self.open(file)? else {
            return Ok(None);
        };
        if reader.limit() > MAX_MANIFEST {
            return Err(Error::TooLarge {
                what: self.name(file),
                limit: MAX_MANIFEST,
            });
        }
        let mut bytes = Vec::new();
        reader
            .read_to_end(&mut bytes)
            .map_err(io_error(self.path))?;
        Ok(Some(bytes.into()))
    }

    /// Returns the blobs of an image layout.
    fn blobs(&self) -> HashMap<Digest, Place> {
        let mut blobs = HashMap::new();
        for path in self.files.keys() {
            let Some(path) = path.to_str() else { continue };
            if let (Some(digest), Some((offset, size))) = (digest_of(path), self.find(path)) {
                blobs.insert(digest, Place::File { offset, size });
            }
        }
        blobs
    }

    /// Generates the manifests of images that `docker save` described in its own format.
    fn import(&self, saved: &[Saved]) -> Result<Archive> {
        let mut blobs = HashMap::new();
        let mut layers = HashMap::new();
        let mut listed = Vec::new();
        for image in saved {
            let config = self.document(&image.config)?;
            let config = config.ok_or_else(|| self.missing(&image.config))?;
            let mut manifest = ImageManifest {
                schema_version: 2,
                media_type: Some(media_type::DOCKER_MANIFEST.to_owned()),
                artifact_type: None,
                config: Descriptor::of(media_type::DOCKER_CONFIG, &config),
                layers: Vec::new(),
                subject: None,
                annotations: Default::default(),
            };
            blobs.insert(manifest.config.digest, Place::Made(config));
            for file in &image.layers {
                let (offset, size) = self.find(file).ok_or_else(|| self.missing(file))?;
                let layer: &Descriptor = match layers.entry(offset) {
                    hash_map::Entry::Occupied(known) => known.into_mut(),
                    hash_map::Entry::Vacant(new) => new.insert(self.layer(file)?),
                };
                blobs.insert(layer.digest, Place::File { offset, size });
                manifest.layers.push(layer.clone());
            }
            let manifest = Manifest::of(media_type::DOCKER_MANIFEST, &manifest)?;
            let place = Place::Made(manifest.bytes.clone());
            blobs.insert(manifest.descriptor.digest, place);
            let tags = image.repo_tags.as_deref().unwrap_or_default();
            if tags.is_empty() {
                listed.push(manifest.descriptor.clone());
            }
            for tag in tags {
                listed.push(named(&manifest.descriptor, tag));
            }
        }
        Ok(Archive {
            path: self.path.to_owned(),
            index: ImageIndex::of(listed),
            blobs,
        })
    }

    /// Describes a layer after reading it.
    fn layer(&self, file: &str) -> Result<Descriptor> {
        let mut reader = self.open(file)?.ok_or_else(|| self.missing(file))?;
        let mut hasher = Sha256::new();
        let (mut size, mut is_gzip) = (0, false);
        let mut piece = vec![0; PIECE];
        loop {
            let read = match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(io_error(self.path)(error)),
            };
            if size == 0 {
                is_gzip = piece[..read].starts_with(&[0x1f, 0x8b]);
            }
            hasher.update(&piece[..read]);
            size += read as u64;
        }
        let media_type = if is_gzip {
            "application/vnd.docker.image.rootfs.diff.tar.gzip"
        } else {
            "application/vnd.docker.image.rootfs.diff.tar"
        };
        Ok(Descriptor::new(media_type, hasher.into(), size))
    }

    fn missing(&self, file: &str) -> Error {
        Error::Io {
            path: self.name(file),
            source: io::Error::new(io::ErrorKind::NotFound, "not in the archive"),
        }
    }
}

/// Adds an image's name to its descriptor.
fn named(image: &Descriptor, name: &str) -> Descriptor {
    let mut image = image.clone();
    let reference = name.parse::<ImageReference>();
    let tag = reference.as_ref().ok().and_then(ImageReference::tag);
    let tag = tag.unwrap_or(name).to_owned();
    image.annotations.insert(REF_NAME.to_owned(), tag);
    let full = reference.map_or_else(|_| name.to_owned(), |name| name.to_string());
    image.annotations.insert(IMAGE_NAME.to_owned(), full);
    image
}

/// Returns a relative path without `.` and `..`.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => cleaned.push(part),
            Component::ParentDir => {
                cleaned.pop();
            }
            _ => {}
        }
    }
    cleaned
}

/// Returns the digest of a blob in an image layout, given its path.
fn digest_of(path: &str) -> Option<Digest> {
    let hex = path.strip_prefix("blobs/sha256/")?;
    format!("sha256:{hex}").parse().ok()
}

fn check_not_compressed(path: &Path, file: &mut File) -> Result<()> {
    const MAGIC: [&[u8]; 4] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ"];
    let mut head = Vec::new();
    let mut reader = file.take(8);
    reader.read_to_end(&mut head).map_err(io_error(path))?;
    if MAGIC.iter().any(|magic| head.starts_with(magic)) {
        return Err(not_an_archive(
            path,
            "a compressed archive, of which single blobs cannot be read; decompress it first",
        ));
    }
    file.rewind().map_err(io_error(path))
}
