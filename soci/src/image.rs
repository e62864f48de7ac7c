//! The manifests of an image, and the role of each.

mod layer_types;
mod left_out;

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::oci::{
    Descriptor, Digest, ImageIndex, ImageManifest, Manifest, Platform, annotation, json, media_type,
};
use crate::store::{BlobSource, ImageSource, config_platform};

pub use left_out::{LeftOut, LeftOutReason};

/// Maximum number of manifests in one image.
pub(crate) const MAX_MANIFESTS: usize = 1000;

/// Maximum total size of an image's manifests in bytes. All are kept in memory during indexing.
pub(crate) const MAX_TOTAL: u64 = 16 << 20;

/// Maximum nesting depth of indexes within the image's index.
const MAX_DEPTH: usize = 4;

/// Consumers would disagree on how to interpret such a manifest.
const BOTH: &str = "both an image index and an image manifest";

/// An image: one image manifest, or an image index of several.
#[derive(Debug)]
pub(crate) struct Image {
    pub root: Manifest,
    /// The root, if it is an image index.
    pub index: Option<ImageIndex>,
    /// The manifests, in the index's order. Those of a nested index take that index's position.
    pub entries: Vec<Entry>,
    /// Manifests that are not images, or that the source is known to lack.
    pub left_out: Vec<LeftOut>,
}

/// One manifest of an image.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Descriptor in the index; for a single manifest, its own with the platform added.
    pub descriptor: Descriptor,
    pub kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// A container image for one platform.
    Image {
        manifest: ImageManifest,
        platform: Platform,
    },
    /// An attestation for another entry.
    Attestation(ImageManifest),
    /// A SOCI index from an earlier conversion.
    SociIndex,
    /// Anything else, which is kept unchanged.
    Other,
}

/// The parts of a manifest that distinguish an image index from an image manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    config: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
}

impl Image {
    pub(crate) async fn read(source: &(impl ImageSource + ?Sized)) -> Result<Self> {
        let mut root = source.root().await?;
        let what = root.descriptor.digest;
        let shape: Shape = root.parse()?;
        let is_index = shape.manifests.is_some();
        if is_index && (shape.layers.is_some() || shape.config.is_some()) {
            return Err(Error::manifest(what, BOTH));
        }
        // The manifest's own media type takes precedence; the registry's header may be a default.
        if let Some(media_type) = shape.media_type.filter(|t| !t.is_empty()) {
            root.descriptor.media_type = media_type;
        }
        let media_type = root.descriptor.media_type.as_str();
        let is_known = if is_index {
            media_type::is_index(media_type)
        } else {
            media_type::is_manifest(media_type)
        };
        if !is_known {
            return Err(Error::NotAnImage {
                what,
                found: format!("a document of media type {media_type:?}"),
            });
        }
        if is_index {
            Self::from_index(source, root).await
        } else {
            Self::from_manifest(source, root).await
        }
    }

    async fn from_manifest(source: &(impl ImageSource + ?Sized), root: Manifest) -> Result<Self> {
        let manifest: ImageManifest = root.parse()?;
        if !media_type::is_image_config(&manifest.config.media_type) {
            return Err(Error::NotAnImage {
                what: root.descriptor.digest,
                found: format!("an artifact of type {:?}", manifest.config.media_type),
            });
        }
        let platform = config_platform(source, &manifest).await?;
        let mut descriptor = root.descriptor.clone();
        descriptor.platform = Some(platform.clone());
        Ok(Self {
            root,
            index: None,
            entries: vec![Entry {
                descriptor,
                kind: Kind::Image { manifest, platform },
            }],
            left_out: Vec::new(),
        })
    }

    async fn from_index(source: &(impl ImageSource + ?Sized), root: Manifest) -> Result<Self> {
        let index: ImageIndex = root.parse()?;
        let mut reader = Reader {
            source,
            root: &root,
            count: 0,
            size: root.bytes.len() as u64,
            images: HashSet::new(),
            repeated: 0,
            left_out: Vec::new(),
            missing: None,
        };
        let entries = reader.entries(index.manifests.clone(), 0).await?;
        let Reader {
            left_out, missing, ..
        } = reader;
        if !entries.iter().any(Entry::is_image) {
            return Err(missing.unwrap_or_else(|| Error::NotAnImage {
                what: root.descriptor.digest,
                found: NO_IMAGES.to_owned(),
            }));
        }
        Ok(Self {
            root,
            index: Some(index),
            entries,
            left_out,
        })
    }

    /// Replaces Docker's media types of layers with OCI's.
    pub(crate) async fn rename_layer_types(
        &mut self,
        source: &(impl BlobSource + ?Sized),
    ) -> Result<()> {
        let layers = self
            .entries
            .iter_mut()
            .flat_map(|entry| match &mut entry.kind {
                Kind::Image { manifest, .. } => manifest.layers.as_mut_slice(),
                _ => &mut [],
            });
        layer_types::rename(source, layers).await
    }
}

impl Entry {
    fn is_image(&self) -> bool {
        matches!(self.kind, Kind::Image { .. })
    }
}

const NO_IMAGES: &str = "an index without image manifests";

/// Reads the manifests that an index lists.
struct Reader<'a, S: ?Sized> {
    source: &'a S,
    root: &'a Manifest,
    /// Number of manifests listed so far, at any depth.
    count: usize,
    /// Bytes of all manifests read so far.
    size: u64,
    /// Images, with the platforms they are listed for.
    images: HashSet<(Digest, Option<String>)>,
    /// Number of images that were passed over because an earlier index lists them.
    repeated: usize,
    left_out: Vec<LeftOut>,
    /// The error for the first manifest that the source lacks.
    missing: Option<Error>,
}

impl<S: ImageSource + ?Sized> Reader<'_, S> {
    /// Reads the manifests listed by an index that is nested `depth` levels deep.
    fn entries(
        &mut self,
        listed: Vec<Descriptor>,
        depth: usize,
    ) -> BoxFuture<'_, Result<Vec<Entry>>> {
        Box::pin(async move {
            self.count += listed.len();
            if self.count > MAX_MANIFESTS {
                let (root, count) = (self.root.descriptor.digest, self.count);
                return Err(Error::TooLarge {
                    what: format!("{root}: a list of {count} manifests"),
                    limit: MAX_MANIFESTS as u64,
                });
            }
            let mut entries = Vec::with_capacity(listed.len());
            for descriptor in listed {
                let platform = descriptor.platform.as_ref().map(ToString::to_string);
                let key = (descriptor.digest, platform);
                // The image's own index may list an image twice; nested ones do not add duplicates.
                if depth > 0 && self.images.contains(&key) {
                    self.repeated += 1;
                    continue;
                }
                match self.entry(&descriptor, depth).await {
                    Ok(read) => {
                        if matches!(&read[..], [only] if only.is_image()) {
                            self.images.insert(key);
                        }
                        entries.extend(read);
                    }
                    Err(error) if error.is_not_found() && self.source.lacks(&descriptor).await => {
                        self.leave_out(&descriptor, LeftOutReason::Missing);
                        self.missing.get_or_insert(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(entries)
        })
    }

    /// Reads a listed manifest. Returns nothing if the source lacks one of its blobs.
    async fn entry(&mut self, descriptor: &Descriptor, depth: usize) -> Result<Vec<Entry>> {
        let media_type = descriptor.media_type.as_str();
        let kind = if descriptor.is_soci_index() {
            Kind::SociIndex
        } else if media_type::is_index(media_type) {
            match self.nested(descriptor, depth).await? {
                Some(nested) => return Ok(nested),
                None => Kind::Other,
            }
        } else if media_type::is_manifest(media_type) {
            match self.manifest(descriptor).await? {
                Some(kind) => kind,
                None => return Ok(Vec::new()),
            }
        } else if self.source.lacks(descriptor).await {
            self.leave_out(descriptor, LeftOutReason::Missing);
            return Ok(Vec::new());
        } else {
            let found = format!("a document of media type {media_type:?}");
            self.leave_out(descriptor, LeftOutReason::NotAnImage { found });
            Kind::Other
        };
        Ok(vec![Entry {
            descriptor: descriptor.clone(),
            kind,
        }])
    }

    /// Reads a nested index. Returns `None` if it contains no images, in which case it is kept
    /// whole.
    async fn nested(
        &mut self,
        descriptor: &Descriptor,
        depth: usize,
    ) -> Result<Option<Vec<Entry>>> {
        if depth == MAX_DEPTH {
            self.leave_out(descriptor, LeftOutReason::TooDeep);
            return Ok(None);
        }
        let bytes = self.read(descriptor).await?;
        let index = json::from_slice::<ImageIndex>(descriptor.digest, &bytes);
        let (left_out, repeated) = (self.left_out.len(), self.repeated);
        let entries = match index {
            Ok(index) => self.entries(index.manifests, depth + 1).await?,
            Err(_) => Vec::new(),
        };
        let lacks = |left_out: &LeftOut| {
            let reason = &left_out.reason;
            matches!(
                reason,
                LeftOutReason::Missing | LeftOutReason::MissingBlob { .. }
            )
        };
        if entries.iter().any(Entry::is_image)
            || self.repeated > repeated
            || self.left_out[left_out..].iter().any(lacks)
        {
            return Ok(Some(entries));
        }
        self.left_out.truncate(left_out);
        let found = NO_IMAGES.to_owned();
        self.leave_out(descriptor, LeftOutReason::NotAnImage { found });
        Ok(None)
    }

    /// Reads a listed image manifest or artifact. Returns `None` if the source lacks one of its
    /// blobs.
    async fn manifest(&mut self, descriptor: &Descriptor) -> Result<Option<Kind>> {
        let bytes = self.read(descriptor).await?;
        let shape: Shape = json::from_slice(descriptor.digest, &bytes)?;
        let manifest: ImageManifest = json::from_slice(descriptor.digest, &bytes)?;
        if shape.manifests.is_some() {
            return Err(Error::manifest(descriptor.digest, BOTH));
        }
        let config = manifest.config.media_type.as_str();
        if config == media_type::SOCI_INDEX_V2 || config == media_type::SOCI_INDEX_V1 {
            return Ok(Some(Kind::SociIndex));
        }
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            if blob.urls.is_empty() && self.source.lacks(blob).await {
                let blob = blob.digest;
                self.leave_out(descriptor, LeftOutReason::MissingBlob { blob });
                return Ok(None);
            }
        }
        if !media_type::is_image_config(config) {
            let found = format!("an artifact of type {config:?}");
            self.leave_out(descriptor, LeftOutReason::NotAnImage { found });
            return Ok(Some(Kind::Other));
        }
        let attests = descriptor
            .annotations
            .contains_key(annotation::ATTESTATION_TYPE)
            || descriptor
                .platform
                .as_ref()
                .is_some_and(Platform::is_unknown);
        if attests {
            return Ok(Some(Kind::Attestation(manifest)));
        }
        let platform = match &descriptor.platform {
            Some(platform) if platform.is_complete() => platform.clone(),
            _ => config_platform(self.source, &manifest).await?,
        };
        Ok(Some(Kind::Image { manifest, platform }))
    }

    async fn read(&mut self, descriptor: &Descriptor) -> Result<Bytes> {
        self.size = self.size.saturating_add(descriptor.size);
        if self.size > MAX_TOTAL {
            let root = self.root.descriptor.digest;
            return Err(Error::TooLarge {
                what: format!("{root}: its manifests together"),
                limit: MAX_TOTAL,
            });
        }
        self.source.manifest(descriptor).await
    }

    fn leave_out(&mut self, descriptor: &Descriptor, reason: LeftOutReason) {
        self.left_out.push(LeftOut::new(descriptor, reason));
    }
}
