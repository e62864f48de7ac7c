//! Images in an OCI image layout on disk, and a store in memory.

use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::oci::{Descriptor, ImageIndex, Manifest};
use crate::store::{ByteStream, Destination, Document, MAX_DOCUMENT, Source, verify};
use crate::{Digest, Error, Result};

/// How much of a file is read at once, in bytes.
const PIECE: usize = 256 << 10;

/// The first image of an OCI image layout directory.
#[derive(Debug, Clone)]
pub struct LayoutImage {
    directory: PathBuf,
}

impl LayoutImage {
    /// The image in a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The list of what the layout holds, and where that list stands.
    async fn index(&self) -> Result<(PathBuf, ImageIndex)> {
        let path = self.directory.join("index.json");
        let index = serde_json::from_slice(&read_file(&path).await?)
            .map_err(|error| Error::document(path.display(), error))?;
        Ok((path, index))
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
    let mut bounded = file.take(MAX_DOCUMENT + 1);
    bounded
        .read_to_end(&mut bytes)
        .await
        .map_err(io_error(path))?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(Error::TooLarge {
            what: path.display().to_string(),
            limit: MAX_DOCUMENT,
        });
    }
    Ok(bytes.into())
}

#[async_trait]
impl Source for LayoutImage {
    async fn root(&self) -> Result<Document> {
        let (path, index) = self.index().await?;
        let descriptor = index
            .manifests
            .into_iter()
            .next()
            .ok_or_else(|| Error::document(path.display(), "no manifest in the layout"))?;
        let bytes = self.manifest(&descriptor).await?;
        // The rest of the descriptor, such as the image's name, is the layout's own.
        Ok(Document {
            descriptor: Descriptor::of(&descriptor.media_type, &bytes),
            bytes,
        })
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes> {
        let path = self.blob_path(descriptor.digest);
        let bytes = read_file(&path).await?;
        verify(&path.display().to_string(), &bytes, descriptor)?;
        Ok(bytes)
    }

    async fn blob(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        let path = self.blob_path(descriptor.digest);
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

    async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>> {
        // A layout has no list of referrers: they are the manifests that say they are.
        let mut referrers = Vec::new();
        for descriptor in self.index().await?.1.manifests {
            let bytes = self.manifest(&descriptor).await?;
            let manifest: Result<Manifest, _> = serde_json::from_slice(&bytes);
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

/// Takes what is built, in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    blobs: Mutex<BTreeMap<Digest, Bytes>>,
    manifests: Mutex<BTreeMap<Digest, Document>>,
    tags: Mutex<BTreeMap<String, Digest>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The blobs, by digest.
    pub fn blobs(&self) -> BTreeMap<Digest, Bytes> {
        lock(&self.blobs).clone()
    }

    /// The manifests and indexes, by digest.
    pub fn manifests(&self) -> BTreeMap<Digest, Document> {
        lock(&self.manifests).clone()
    }

    /// The tags.
    pub fn tags(&self) -> BTreeMap<String, Digest> {
        lock(&self.tags).clone()
    }
}

#[async_trait]
impl Destination for MemoryStore {
    async fn push_blob(&self, digest: Digest, bytes: Bytes) -> Result<()> {
        lock(&self.blobs).insert(digest, bytes);
        Ok(())
    }

    async fn push_manifest(&self, document: &Document) -> Result<()> {
        lock(&self.manifests).insert(document.descriptor.digest, document.clone());
        Ok(())
    }

    async fn push_referrer(&self, document: &Document, _: &Descriptor) -> Result<()> {
        self.push_manifest(document).await
    }

    async fn tag(&self, document: &Document, tag: &str) -> Result<()> {
        lock(&self.tags).insert(tag.to_owned(), document.descriptor.digest);
        Ok(())
    }
}
