//! Images in an OCI image layout on disk.

use std::io::SeekFrom;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::content::{MAX_MANIFEST, verify};
use super::destination::Destination;
use super::source::{BlobSource, ByteStream, ImageSource};
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Digest, ImageIndex, ImageManifest, Manifest, json, media_type};

/// Size of the pieces in which a file is read, in bytes.
const PIECE: usize = 256 << 10;

/// An image in an OCI image layout directory.
#[derive(Debug, Clone)]
pub struct LayoutImage {
    directory: PathBuf,
    name: Option<String>,
}

impl LayoutImage {
    /// Names the first image in a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            name: None,
        }
    }

    /// Names the image of a name in a directory.
    pub fn named(directory: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            name: Some(name.into()),
        }
    }

    /// Returns the name of the image, if the layout gives it one.
    ///
    /// # Errors
    /// If the directory is not a layout.
    pub async fn name(&self) -> Result<Option<String>> {
        if self.name.is_some() {
            return Ok(self.name.clone());
        }
        let first = self.index().await?.manifests.into_iter().next();
        Ok(first.and_then(|mut first| first.annotations.remove(REF_NAME)))
    }

    fn index_path(&self) -> PathBuf {
        self.directory.join("index.json")
    }

    /// Reads the list of the layout's manifests.
    async fn index(&self) -> Result<ImageIndex> {
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
        read_range(self.blob_path(descriptor.digest), range).await
    }
}

#[async_trait]
impl ImageSource for LayoutImage {
    async fn root(&self) -> Result<Manifest> {
        let wanted = |listed: &Descriptor| match &self.name {
            Some(name) => listed.annotations.get(REF_NAME) == Some(name),
            None => true,
        };
        let listed = self.index().await?.manifests.into_iter().find(wanted);
        let descriptor = listed.ok_or_else(|| Error::NotInLayout {
            path: self.index_path(),
            name: self.name.clone().unwrap_or_default(),
        })?;
        let bytes = self.manifest(&descriptor).await?;
        // The rest of the descriptor, such as the image's name, belongs to the layout.
        Ok(Manifest::new(&descriptor.media_type, bytes))
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes> {
        let path = self.blob_path(descriptor.digest);
        let bytes = read_file(&path).await?;
        verify(&path.display().to_string(), &bytes, descriptor)?;
        Ok(bytes)
    }

    async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>> {
        // A layout does not list referrers: they are the manifests with that subject.
        let mut referrers = Vec::new();
        for descriptor in self.index().await?.manifests {
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

/// Annotation by which a layout names its images.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

impl LayoutImage {
    /// Makes the directory an empty layout, unless it is one already.
    ///
    /// # Errors
    /// If it cannot be written to.
    pub async fn create(&self) -> Result<()> {
        let blobs = self.directory.join("blobs/sha256");
        tokio::fs::create_dir_all(&blobs)
            .await
            .map_err(io_error(&blobs))?;
        if !self.index_path().exists() {
            let marker = br#"{"imageLayoutVersion":"1.0.0"}"#;
            self.replace(&self.directory.join("oci-layout"), marker)
                .await?;
            self.write_index(&ImageIndex::of(Vec::new())).await?;
        }
        Ok(())
    }

    /// Replaces a file atomically.
    async fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut partial = self.partial().await?;
        partial.write(bytes).await?;
        partial.finish(path).await
    }

    async fn partial(&self) -> Result<Partial> {
        // Writers of one layout must not share a file, not even if they run in two containers with
        // the same process number.
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
        self.replace(&self.index_path(), &index.bytes).await
    }

    /// Lists a manifest in the layout, in place of those that `replaced` picks.
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

/// A file that is not complete yet, and is deleted if it never is.
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
        // After a crash the name must not exist without its content.
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
            // A file that cannot be deleted is harmless.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[async_trait]
impl Destination for LayoutImage {
    async fn has_blob(&self, digest: Digest) -> Result<bool> {
        Ok(self.blob_path(digest).exists())
    }

    async fn push_blob(&self, digest: Digest, bytes: Bytes) -> Result<()> {
        if self.has_blob(digest).await? {
            return Ok(());
        }
        self.replace(&self.blob_path(digest), &bytes).await
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
        self.push_blob(manifest.descriptor.digest, manifest.bytes.clone())
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
        let mut descriptor = Descriptor::of(&manifest.descriptor.media_type, &manifest.bytes);
        let name = tag.to_owned();
        descriptor.annotations.insert(REF_NAME.to_owned(), name);
        let named =
            |listed: &Descriptor| listed.annotations.get(REF_NAME).is_some_and(|n| n == tag);
        self.list(descriptor, named).await
    }
}
