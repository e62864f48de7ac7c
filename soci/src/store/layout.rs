//! Images in an OCI image layout on disk, or in an archive.

use std::io::SeekFrom;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::archive::{Archive, Place};
use super::content::{MAX_MANIFEST, read_blob, verify};
use super::destination::Destination;
use super::listing::{self, Listed, REF_NAME, is_named};
use super::pack::pack;
use super::source::{BlobSource, ByteStream, ImageSource};
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Digest, ImageIndex, ImageManifest, Manifest, json, media_type};

/// Size of the pieces in which a file is read, in bytes.
const PIECE: usize = 256 << 10;

/// An image in an OCI image layout, in a directory or (read-only) in an archive.
#[derive(Debug, Clone)]
pub struct LayoutImage {
    directory: PathBuf,
    /// The archive, if the layout is in one rather than in the directory.
    archive: Option<Arc<Archive>>,
    name: Option<String>,
}

impl LayoutImage {
    /// Names the first image in a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            archive: None,
            name: None,
        }
    }

    /// Names the image with a given name in a directory.
    pub fn named(directory: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            archive: None,
            name: Some(name.into()),
        }
    }

    /// Opens an image in a tar archive, which is either an image layout or the output of `docker
    /// save`. Selects the image by name, or the only one if no name is given. An archive cannot be
    /// written to.
    ///
    /// Nothing is unpacked. Blobs are read from the archive, which must not change in the meantime.
    ///
    /// # Errors
    /// If it is not such an archive, or has several images and no name is given.
    pub async fn open_archive(path: impl Into<PathBuf>, name: Option<String>) -> Result<Self> {
        let path = path.into();
        let opened = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || Archive::open(&path)).await
        };
        let archive = match opened {
            Ok(archive) => archive?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if name.is_none() {
            archive.check_one_image()?;
        }
        Ok(Self {
            directory: path,
            archive: Some(Arc::new(archive)),
            name,
        })
    }

    /// Returns the name of the image, if the layout gives it one.
    ///
    /// # Errors
    /// If the directory is not a layout.
    pub async fn name(&self) -> Result<Option<String>> {
        let mut listed = self.index().await?.manifests.into_iter();
        let listed = match &self.name {
            Some(name) => listed.find(|listed| is_named(listed, name)),
            None => listed.next(),
        };
        let own = listed.and_then(|mut listed| listed.annotations.remove(REF_NAME));
        Ok(own.or_else(|| self.name.clone()))
    }

    fn index_path(&self) -> PathBuf {
        match &self.archive {
            Some(_) => self.directory.clone(),
            None => self.directory.join("index.json"),
        }
    }

    /// Reads the layout's list of manifests.
    async fn index(&self) -> Result<ImageIndex> {
        if let Some(archive) = &self.archive {
            return Ok(archive.index.clone());
        }
        let path = self.index_path();
        Ok(json::from_slice(path.display(), &read_file(&path).await?)?)
    }

    fn blob_path(&self, digest: Digest) -> PathBuf {
        self.directory.join("blobs/sha256").join(digest.hex())
    }
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    |source| Error::Io { path, source }
}

async fn read_file(path: &Path) -> Result<Bytes> {
    let file = tokio::fs::File::open(path).await.map_err(io_error(path))?;
    let mut bytes = Vec::new();
    let mut bounded = file.take(MAX_MANIFEST + 1);
    bounded
        .read_to_end(&mut bytes)
        .await
        .map_err(io_error(path))?;
    if bytes.len() as u64 > MAX_MANIFEST {
        return Err(Error::TooLarge {
            what: path.display().to_string(),
            limit: MAX_MANIFEST,
        });
    }
    Ok(bytes.into())
}

/// Opens a part of a file.
async fn read_range(path: PathBuf, range: Range<u64>) -> Result<ByteStream> {
    let mut file = tokio::fs::File::open(&path)
        .await
        .map_err(io_error(&path))?;
    file.seek(SeekFrom::Start(range.start))
        .await
        .map_err(io_error(&path))?;
    let pieces = stream::try_unfold((file, range), move |(mut file, mut range)| {
        let path = path.clone();
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let want = (range.end - range.start).min(PIECE as u64) as usize;
            let mut piece = BytesMut::zeroed(want);
            let got = file.read(&mut piece).await.map_err(io_error(&path))?;
            if got == 0 {
                return Err(Error::SizeMismatch {
                    what: path.display().to_string(),
                    got: range.start,
                    want: range.end,
                });
            }
            piece.truncate(got);
            range.start += got as u64;
            Ok(Some((piece.freeze(), (file, range))))
        }
    });
    Ok(pieces.boxed())
}

#[async_trait]
impl BlobSource for LayoutImage {
    async fn blob(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        let digest = descriptor.digest;
        let Some(archive) = &self.archive else {
            return read_range(self.blob_path(digest), range).await;
        };
        let (end, place) = match archive.find(digest)? {
            Place::Made(bytes) => {
                let end = bytes.len() as u64;
                (end, Place::Made(bytes.clone()))
            }
            Place::File { offset, size } => (
                *size,
                Place::File {
                    offset: *offset,
                    size: *size,
                },
            ),
        };
        if range.end > end {
            return Err(Error::SizeMismatch {
                what: format!("blob {digest}"),
                got: end,
                want: descriptor.size,
            });
        }
        match place {
            Place::Made(bytes) => {
                let piece = bytes.slice(range.start as usize..range.end as usize);
                Ok(stream::iter([Ok(piece)]).boxed())
            }
            Place::File { offset, .. } => {
                let range = offset + range.start..offset + range.end;
                read_range(archive.path.clone(), range).await
            }
        }
    }

    async fn lacks(&self, descriptor: &Descriptor) -> bool {
        match &self.archive {
            Some(archive) => archive.find(descriptor.digest).is_err(),
            None => !self.blob_path(descriptor.digest).exists(),
        }
    }
}

#[async_trait]
impl ImageSource for LayoutImage {
    async fn root(&self) -> Result<Manifest> {
        let (path, index) = (self.index_path(), self.index().await?);
        match listing::find(self, &path, index, self.name.as_deref()).await? {
            Listed::Platforms(index) => Ok(index),
            Listed::One(descriptor) => {
                let bytes = self.manifest(&descriptor).await?;
                // The other fields of the descriptor, such as the image's name, belong to the
                // layout.
                Ok(Manifest::new(&descriptor.media_type, bytes))
            }
        }
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes> {
        if self.archive.is_some() {
            return read_blob(self, descriptor, MAX_MANIFEST).await;
        }
        let path = self.blob_path(descriptor.digest);
        let bytes = read_file(&path).await?;
        verify(&path.display().to_string(), &bytes, descriptor)?;
        Ok(bytes)
    }

    async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>> {
        // A layout has no referrers list, so look for manifests with that subject.
        let mut referrers = Vec::new();
        for descriptor in self.index().await?.manifests {
            if self.lacks(&descriptor).await {
                continue;
            }
            let bytes = self.manifest(&descriptor).await?;
            let manifest: Result<ImageManifest, _> = serde_json::from_slice(&bytes);
            if let Ok(manifest) = manifest
                && manifest.subject.is_some_and(|s| s.digest == subject)
            {
                let mut referrer = descriptor;
                referrer.artifact_type = Some(manifest.config.media_type);
                referrers.push(referrer);
            }
        }
        Ok(referrers)
    }
}

impl LayoutImage {
    /// Turns the directory into an empty layout, unless it is one already.
    ///
    /// # Errors
    /// If the directory cannot be written to.
    pub async fn create(&self) -> Result<()> {
        self.check_writable()?;
        let blobs = self.directory.join("blobs/sha256");
        tokio::fs::create_dir_all(&blobs)
            .await
            .map_err(io_error(&blobs))?;
        if !self.index_path().exists() {
            let marker = Bytes::from_static(br#"{"imageLayoutVersion":"1.0.0"}"#);
            self.replace(&self.directory.join("oci-layout"), &[marker])
                .await?;
            self.write_index(&ImageIndex::of(Vec::new())).await?;
        }
        Ok(())
    }

    fn check_writable(&self) -> Result<()> {
        match &self.archive {
            None => Ok(()),
            Some(archive) => Err(Error::NotALayout {
                path: archive.path.clone(),
                reason: "an archive, which cannot be added to; want another destination",
            }),
        }
    }

    /// Writes the layout to a tar archive, which appears only when it is complete. An existing
    /// archive at that path is replaced.
    ///
    /// # Errors
    /// If the layout cannot be read or the archive cannot be written.
    pub async fn pack(&self, to: impl Into<PathBuf>) -> Result<()> {
        self.check_writable()?;
        let (from, to) = (self.directory.clone(), to.into());
        let packed = tokio::task::spawn_blocking(move || pack(&from, &to).map_err(io_error(&to)));
        match packed.await {
            Ok(packed) => packed,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Replaces a file atomically.
    async fn replace(&self, path: &Path, pieces: &[Bytes]) -> Result<()> {
        let mut partial = self.partial().await?;
        for piece in pieces {
            partial.write(piece).await?;
        }
        partial.finish(path).await
    }

    async fn partial(&self) -> Result<Partial> {
        self.check_writable()?;
        // Writers to the same layout must not share a file, even if they run in two containers with
        // the same process ID.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!(".partial-{}-{number}", std::process::id());
            let path = self.directory.join(name);
            let mut options = tokio::fs::OpenOptions::new();
            match options.write(true).create_new(true).open(&path).await {
                Ok(file) => {
                    let path = Some(path);
                    return Ok(Partial { path, file });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(io_error(&path)(error)),
            }
        }
    }

    async fn write_index(&self, index: &ImageIndex) -> Result<()> {
        let index = Manifest::of(media_type::OCI_INDEX, index)?;
        self.replace(&self.index_path(), &[index.bytes]).await
    }

    /// Lists a manifest in the layout, replacing those that match `replaced`.
    async fn list(
        &self,
        descriptor: Descriptor,
        replaced: impl Fn(&Descriptor) -> bool + Send,
    ) -> Result<()> {
        let mut index = self.index().await?;
        index.manifests.retain(|listed| !replaced(listed));
        index.manifests.push(descriptor);
        self.write_index(&index).await
    }
}

/// An incomplete file, which is deleted on drop unless it is completed.
struct Partial {
    path: Option<PathBuf>,
    file: tokio::fs::File,
}

impl Partial {
    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let path = self.path.clone().unwrap_or_default();
        self.file.write_all(bytes).await.map_err(io_error(&path))
    }

    async fn finish(mut self, to: &Path) -> Result<()> {
        self.file.flush().await.map_err(io_error(to))?;
        // After a crash, the name must not exist without its content.
        self.file.sync_all().await.map_err(io_error(to))?;
        if let Some(path) = self.path.take() {
            tokio::fs::rename(&path, to).await.map_err(io_error(to))?;
        }
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Leaving the file behind is harmless.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[async_trait]
impl Destination for LayoutImage {
    async fn has_blob(&self, digest: Digest) -> Result<bool> {
        Ok(match &self.archive {
            Some(archive) => archive.find(digest).is_ok(),
            None => self.blob_path(digest).exists(),
        })
    }

    async fn push_blob(&self, digest: Digest, pieces: Vec<Bytes>) -> Result<()> {
        if self.has_blob(digest).await? {
            return Ok(());
        }
        self.replace(&self.blob_path(digest), &pieces).await
    }

    async fn push_stream(&self, descriptor: &Descriptor, mut pieces: ByteStream) -> Result<()> {
        let mut partial = self.partial().await?;
        let mut hasher = Sha256::new();
        let mut size = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            hasher.update(&piece);
            size += piece.len() as u64;
            partial.write(&piece).await?;
        }
        let got = Digest::from(hasher);
        if got != descriptor.digest || size != descriptor.size {
            return Err(Error::DigestMismatch {
                what: format!("blob of {size} bytes"),
                got,
                want: descriptor.digest,
            });
        }
        partial.finish(&self.blob_path(descriptor.digest)).await
    }

    async fn push_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.push_blob(manifest.descriptor.digest, vec![manifest.bytes.clone()])
            .await
    }

    async fn push_referrer(&self, manifest: &Manifest, _: &Descriptor) -> Result<()> {
        self.push_manifest(manifest).await?;
        let descriptor = manifest.descriptor.clone();
        let digest = descriptor.digest;
        self.list(descriptor, |listed| listed.digest == digest)
            .await
    }

    async fn tag(&self, manifest: &Manifest, tag: &str) -> Result<()> {
        self.push_manifest(manifest).await?;
        let mut descriptor = Descriptor::of(&manifest.descriptor.media_type, &manifest.bytes);
        let name = tag.to_owned();
        descriptor.annotations.insert(REF_NAME.to_owned(), name);
        let named =
            |listed: &Descriptor| listed.annotations.get(REF_NAME).is_some_and(|n| n == tag);
        self.list(descriptor, named).await
    }
}
