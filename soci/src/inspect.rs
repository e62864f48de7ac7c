//! Discovery of an image's indexes and their contents.

use std::fmt;
use std::ops::Deref;

use futures_util::StreamExt;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::image::{Image, Kind};
use crate::memory::{MemoryBudget, Share, Short};
use crate::oci::{Descriptor, Digest, ImageManifest, annotation, json, media_type};
use crate::store::{BlobSource, ImageSource, read_blob};
use crate::version::Version;
use crate::ztoc::{InvalidZtoc, LastSpan, Ztoc};

/// Maximum size of a zTOC in bytes, given by the limit of FlatBuffers.
const MAX_ZTOC: u64 = 2 << 30;

/// An image and its SOCI indexes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// Digest of the image's manifest or image index.
    pub root: Digest,
    /// The image's platforms, in its order.
    pub platforms: Vec<PlatformInspection>,
}

/// The image of one platform.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PlatformInspection {
    /// Platform, such as `linux/arm64`.
    pub platform: String,
    /// Digest of the image manifest.
    pub manifest: Digest,
    /// The layers, base first.
    pub layers: Vec<Descriptor>,
    /// The SOCI indexes of this manifest.
    pub indexes: Vec<IndexInspection>,
}

/// One SOCI index.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IndexInspection {
    /// How it is attached to the image.
    pub version: Version,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Image manifest that the index claims to belong to: its subject (V1), or an annotation of the
    /// descriptor that lists it (V2).
    pub manifest: Option<Digest>,
    /// Its zTOCs, in the index's order.
    pub ztocs: Vec<ZtocInspection>,
    /// Its prefetch artifacts.
    pub prefetch: Vec<Descriptor>,
}

/// One zTOC, as an index describes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ZtocInspection {
    /// Digest of the layer it belongs to.
    pub layer: Digest,
    /// The span size it was built with, in bytes, if the index states it.
    pub span_size: Option<u64>,
    /// The zTOC's blob.
    pub descriptor: Descriptor,
}

impl ZtocInspection {
    /// Reads the zTOC once the budget has enough memory for it.
    ///
    /// # Errors
    /// If it is missing or invalid, does not match its digest, or needs more memory than the budget
    /// has.
    pub async fn read(
        &self,
        source: &(impl BlobSource + ?Sized),
        memory: &MemoryBudget,
    ) -> Result<ReadZtoc> {
        let mut share = memory.turn(self.descriptor.size).await;
        let mut read = self.read_within(source, &mut share).await;
        if read.is_err() && share.is_crowded() {
            drop(share);
            share = memory.alone().await;
            read = self.read_within(source, &mut share).await;
        }
        Ok(ReadZtoc { ztoc: read?, share })
    }

    /// Reads the zTOC, accounting its memory to the share.
    pub(crate) async fn read_within(
        &self,
        source: &(impl BlobSource + ?Sized),
        share: &mut Share,
    ) -> Result<Ztoc> {
        let digest = self.descriptor.digest;
        let too_large = |limit| Error::TooLarge {
            what: format!("zTOC {digest} in memory"),
            limit,
        };
        let grown = share.grow(self.descriptor.size);
        grown.map_err(|Short { limit }| too_large(limit))?;
        let bytes = read_blob(source, &self.descriptor, MAX_ZTOC).await?;
        Ztoc::parse_within(&bytes, share).map_err(|source| match source {
            InvalidZtoc::TooMuchMemory { limit } => too_large(limit),
            source => Error::Ztoc { digest, source },
        })
    }

    /// Returns whether the first and last spans of a layer have the digests in `ztoc`, which was
    /// read from this descriptor. Reads only those two spans.
    ///
    /// # Errors
    /// If the layer cannot be read.
    pub async fn fits_ends_of(
        &self,
        source: &(impl BlobSource + ?Sized),
        layer: &Descriptor,
        ztoc: &Ztoc,
    ) -> Result<bool> {
        let spans = ztoc.checkpoints.spans();
        if layer.size != ztoc.compressed_size || spans == 0 || spans != ztoc.span_digests.len() {
            return Ok(false);
        }
        let mut ends = vec![0, spans - 1];
        ends.dedup();
        for span in ends {
            let range = ztoc.checkpoints.span(span, ztoc.compressed_size);
            let mut pieces = source.blob(layer, range).await?;
            let mut hasher = Sha256::new();
            while let Some(piece) = pieces.next().await {
                hasher.update(&piece?);
            }
            if Digest::from(hasher) != ztoc.span_digests[span] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns whether the layer of `ztoc`, which was read from this descriptor, has several gzip
    /// members. Reads only the layer's last span.
    ///
    /// Readers before soci-snapshotter v0.14.0 return wrong bytes or errors for such a layer.
    ///
    /// # Errors
    /// If the layer cannot be read.
    pub async fn has_several_members(
        &self,
        source: &(impl BlobSource + ?Sized),
        layer: &Descriptor,
        ztoc: &Ztoc,
    ) -> Result<bool> {
        let Some(mut last) = LastSpan::new(ztoc).filter(|_| layer.size == ztoc.compressed_size)
        else {
            return Ok(false);
        };
        let mut pieces = source.blob(layer, last.range()).await?;
        while let Some(piece) = pieces.next().await {
            last.push(&piece?);
        }
        Ok(last.has_several_members())
    }
}

/// A zTOC that has been read. It holds its share of the memory budget. Drop it before reading
/// another one with the same budget; otherwise both may wait for a layer that in turn waits for
/// this one.
#[derive(Debug)]
pub struct ReadZtoc {
    ztoc: Ztoc,
    share: Share,
}

impl ReadZtoc {
    pub(crate) fn into_parts(self) -> (Ztoc, Share) {
        (self.ztoc, self.share)
    }
}

impl Deref for ReadZtoc {
    type Target = Ztoc;

    fn deref(&self) -> &Ztoc {
        &self.ztoc
    }
}

/// Finds the indexes of an image. An index that the image refers to but that no longer exists is
/// omitted.
///
/// # Errors
/// If the image or one of its indexes cannot be read or is invalid.
pub async fn inspect(source: &(impl ImageSource + ?Sized)) -> Result<Inspection> {
    let image = Image::read(source).await?;
    let mut platforms = Vec::new();
    for entry in &image.entries {
        let Kind::Image { manifest, platform } = &entry.kind else {
            continue;
        };
        let mut found = Vec::new();
        if let Some(digest) = manifest.annotations.get(annotation::INDEX_DIGEST) {
            let digest: Digest = digest.parse()?;
            // The annotation alone is not enough: the index must also be listed alongside the
            // image. Two platforms with the same layers share an index, which is then listed twice.
            let beside = || {
                let entries = image.entries.iter().map(|entry| &entry.descriptor);
                entries.filter(|beside| beside.digest == digest)
            };
            let manifest = entry.descriptor.digest.to_string();
            let own = |beside: &&Descriptor| {
                beside.annotations.get(annotation::IMAGE_MANIFEST_DIGEST) == Some(&manifest)
            };
            let beside = beside().find(own).or_else(|| beside().next());
            found.extend(beside.map(|beside| (Version::V2, beside.clone())));
        }
        for referrer in source.referrers(entry.descriptor.digest).await? {
            // A list maintained by clients may have duplicates.
            let known = found
                .iter()
                .any(|(_, known)| known.digest == referrer.digest);
            if referrer.artifact_type.as_deref() == Some(media_type::SOCI_INDEX_V1) && !known {
                found.push((Version::V1, referrer));
            }
        }
        let mut indexes = Vec::new();
        for (version, descriptor) in found {
            match read_index(source, version, &descriptor).await {
                Ok(index) => indexes.push(index),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        platforms.push(PlatformInspection {
            platform: platform.to_string(),
            manifest: entry.descriptor.digest,
            layers: manifest.layers.clone(),
            indexes,
        });
    }
    Ok(Inspection {
        root: image.root.descriptor.digest,
        platforms,
    })
}

async fn read_index(
    source: &(impl ImageSource + ?Sized),
    version: Version,
    descriptor: &Descriptor,
) -> Result<IndexInspection> {
    let digest = descriptor.digest;
    let bytes = source.manifest(descriptor).await?;
    let index: ImageManifest = json::from_slice(digest, &bytes)?;
    let mut ztocs = Vec::new();
    let mut prefetch = Vec::new();
    for descriptor in index.layers {
        if descriptor.media_type != media_type::ZTOC {
            if descriptor.media_type == media_type::PREFETCH {
                prefetch.push(descriptor);
            }
            continue;
        }
        let annotation = |key: &str| descriptor.annotations.get(key);
        ztocs.push(ZtocInspection {
            layer: annotation(annotation::LAYER_DIGEST)
                .ok_or_else(|| Error::manifest(digest, "a zTOC that names no layer"))?
                .parse()?,
            span_size: annotation(annotation::SPAN_SIZE).and_then(|size| size.parse().ok()),
            descriptor,
        });
    }
    let named = descriptor
        .annotations
        .get(annotation::IMAGE_MANIFEST_DIGEST);
    Ok(IndexInspection {
        version,
        digest,
        size: descriptor.size,
        manifest: match version {
            Version::V1 => index.subject.map(|subject| subject.digest),
            Version::V2 => named.and_then(|digest| digest.parse().ok()),
        },
        ztocs,
        prefetch,
    })
}

/// A short tree for display.
pub struct Tree(Vec<Line>);

struct Line {
    depth: usize,
    text: String,
}

impl Inspection {
    /// Returns whether another image has the same layers on the same platforms.
    pub fn has_layers_of(&self, other: &Self) -> bool {
        let layers = |image: &Self| -> Vec<(String, Vec<Digest>)> {
            let platforms = image.platforms.iter().map(|platform| {
                let layers = platform.layers.iter().map(|layer| layer.digest);
                (platform.platform.clone(), layers.collect())
            });
            platforms.collect()
        };
        layers(self) == layers(other)
    }

    /// Reads every zTOC and renders the image and its indexes as a short tree.
    ///
    /// # Errors
    /// If a zTOC is missing or invalid.
    pub async fn tree(&self, source: &(impl BlobSource + ?Sized)) -> Result<Tree> {
        let memory = MemoryBudget::default();
        let mut lines = Vec::new();
        let mut line = |depth, text| lines.push(Line { depth, text });
        line(0, format!("image {}", self.root));
        for platform in &self.platforms {
            line(1, platform.platform.clone());
            line(2, format!("manifest {}", platform.manifest));
            if platform.indexes.is_empty() {
                line(2, "no SOCI index".to_owned());
            }
            for index in &platform.indexes {
                let (version, digest) = (index.version.name(), index.digest);
                line(2, format!("SOCI index {version} {digest}"));
                for inspected in &index.ztocs {
                    let ztoc = inspected.read(source, &memory).await?;
                    line(3, format!("layer {}", inspected.layer));
                    let Descriptor { digest, size, .. } = &inspected.descriptor;
                    let (files, spans) = (ztoc.files.len(), ztoc.span_digests.len());
                    let text = format!("zTOC {digest}  {size} bytes, {files} files, {spans} spans");
                    line(4, text);
                }
            }
        }
        Ok(Tree(lines))
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Line { depth, text }) in self.0.iter().enumerate() {
            // A branch continues below a line if a later line has the same depth and no line in
            // between is shallower.
            let goes_on = |depth: usize| {
                let below = self.0[at + 1..].iter().map(|line| line.depth);
                below.take_while(|d| *d >= depth).any(|d| d == depth)
            };
            for depth in 1..*depth {
                f.write_str(if goes_on(depth) { "│  " } else { "   " })?;
            }
            if *depth > 0 {
                f.write_str(if goes_on(*depth) {
                    "├─ "
                } else {
                    "└─ "
                })?;
            }
            writeln!(f, "{text}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches() {
        let lines = [(0, "a"), (1, "b"), (2, "c"), (1, "d"), (2, "e"), (2, "f")];
        let line = |(depth, text): (usize, &str)| Line {
            depth,
            text: text.to_owned(),
        };
        let tree = Tree(lines.map(line).into());
        let want = "a\n├─ b\n│  └─ c\n└─ d\n   ├─ e\n   └─ f\n";
        assert_eq!(tree.to_string(), want);
    }
}
