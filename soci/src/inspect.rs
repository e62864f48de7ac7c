//! Finding the indexes of an image, and what they hold.

use std::fmt;

use crate::build::Version;
use crate::image::{Image, Kind};
use crate::oci::{Descriptor, Manifest, annotation, media_type};
use crate::store::{Source, read_blob};
use crate::ztoc::Ztoc;
use crate::{Digest, Error, Result};

/// zTOCs larger than this many bytes are refused.
const MAX_ZTOC: u64 = 1 << 30;

/// An image and its SOCI indexes.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Digest of the image's manifest or index.
    pub root: Digest,
    /// Its platforms, in the image's order.
    pub platforms: Vec<PlatformInspection>,
}

/// The image of one platform.
#[derive(Debug, Clone)]
pub struct PlatformInspection {
    /// The platform, e.g. `linux/arm64`.
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
pub struct IndexInspection {
    /// How it is tied to the image.
    pub version: Version,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The image manifest that it is said to belong to: by its subject (V1), or by the
    /// annotation where it is listed (V2).
    pub manifest: Option<Digest>,
    /// Its zTOCs, in its order.
    pub ztocs: Vec<ZtocInspection>,
    /// The blobs that list what to prefetch.
    pub prefetch: Vec<Descriptor>,
}

/// One zTOC of an index, as the index describes it.
#[derive(Debug, Clone)]
pub struct ZtocInspection {
    /// Digest of the layer it belongs to.
    pub layer: Digest,
    /// The span size it was built with, in bytes, if the index says.
    pub span_size: Option<u64>,
    /// The zTOC's blob.
    pub descriptor: Descriptor,
}

impl ZtocInspection {
    /// The zTOC itself.
    ///
    /// # Errors
    /// When it is missing, not what its digest says, or broken.
    pub async fn read(&self, source: &(impl Source + ?Sized)) -> Result<Ztoc> {
        let bytes = read_blob(source, &self.descriptor, MAX_ZTOC).await?;
        Ztoc::parse(&bytes).map_err(|source| Error::Ztoc {
            digest: self.descriptor.digest,
            source,
        })
    }
}

/// Finds an image's indexes. An index that the image names but that does not exist any more
/// is left out.
///
/// # Errors
/// When the image or one of its indexes cannot be read or is broken.
pub async fn inspect(source: &(impl Source + ?Sized)) -> Result<Inspection> {
    let image = Image::read(source).await?;
    let mut platforms = Vec::new();
    for entry in &image.entries {
        let Kind::Image { manifest, platform } = &entry.kind else {
            continue;
        };
        let mut found = Vec::new();
        if let Some(digest) = manifest.annotations.get(annotation::INDEX_DIGEST) {
            let digest: Digest = digest.parse()?;
            // The annotation alone does not make an index: it must stand beside the image. Two
            // platforms with the same layers have the same index, which then stands there twice.
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
            // A list that clients keep may have one twice.
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
    source: &(impl Source + ?Sized),
    version: Version,
    descriptor: &Descriptor,
) -> Result<IndexInspection> {
    let digest = descriptor.digest;
    let bytes = source.manifest(descriptor).await?;
    let index: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| Error::document(digest, error))?;
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
                .ok_or_else(|| Error::document(digest, "a zTOC that names no layer"))?
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

/// A short tree for people, read with every zTOC.
pub struct Tree(Vec<(usize, String)>);

impl Inspection {
    /// Reads every zTOC, and draws it all as a short tree.
    ///
    /// # Errors
    /// When a zTOC is missing or broken.
    pub async fn tree(&self, source: &(impl Source + ?Sized)) -> Result<Tree> {
        let mut lines = vec![(0, format!("image {}", self.root))];
        for platform in &self.platforms {
            lines.push((1, platform.platform.clone()));
            lines.push((2, format!("manifest {}", platform.manifest)));
            if platform.indexes.is_empty() {
                lines.push((2, "no SOCI index".to_owned()));
            }
            for index in &platform.indexes {
                let (version, digest) = (index.version.name(), index.digest);
                lines.push((2, format!("SOCI index {version} {digest}")));
                for inspected in &index.ztocs {
                    let ztoc = inspected.read(source).await?;
                    lines.push((3, format!("layer {}", inspected.layer)));
                    lines.push((
                        4,
                        format!(
                            "zTOC {}  {} bytes, {} files, {} spans",
                            inspected.descriptor.digest,
                            inspected.descriptor.size,
                            ztoc.files.len(),
                            ztoc.span_digests.len()
                        ),
                    ));
                }
            }
        }
        Ok(Tree(lines))
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (depth, text)) in self.0.iter().enumerate() {
            // A branch goes on below a line if a later line has it before one is shallower.
            let goes_on = |depth: usize| {
                let below = self.0[at + 1..].iter().map(|(depth, _)| *depth);
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
        let tree = Tree(lines.map(|(depth, text)| (depth, text.to_owned())).to_vec());
        let want = "a\n├─ b\n│  └─ c\n└─ d\n   ├─ e\n   └─ f\n";
        assert_eq!(tree.to_string(), want);
    }
}
