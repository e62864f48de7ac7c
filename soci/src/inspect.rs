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
    /// Its zTOCs, in its order.
    pub ztocs: Vec<ZtocInspection>,
}

/// One zTOC of an index.
#[derive(Debug, Clone)]
pub struct ZtocInspection {
    /// Digest of the layer it belongs to.
    pub layer: Digest,
    /// What the index says of it.
    pub descriptor: Descriptor,
    /// What it says.
    pub ztoc: Ztoc,
}

/// Reads an image's indexes and their zTOCs.
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
            let beside = image.entries.iter().map(|entry| &entry.descriptor);
            let beside = beside.into_iter().find(|beside| beside.digest == digest);
            // The annotation alone does not make an index: it must stand beside the image.
            found.extend(beside.map(|beside| (Version::V2, beside.clone())));
        }
        for referrer in source.referrers(entry.descriptor.digest).await? {
            if referrer.artifact_type.as_deref() == Some(media_type::SOCI_INDEX_V1) {
                found.push((Version::V1, referrer));
            }
        }
        let mut indexes = Vec::new();
        for (version, descriptor) in found {
            indexes.push(read_index(source, version, &descriptor).await?);
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
    for descriptor in index.layers {
        if descriptor.media_type != media_type::ZTOC {
            continue;
        }
        let layer = descriptor
            .annotations
            .get(annotation::LAYER_DIGEST)
            .ok_or_else(|| Error::document(digest, "a zTOC that names no layer"))?
            .parse()?;
        let bytes = read_blob(source, &descriptor, MAX_ZTOC).await?;
        let ztoc = Ztoc::parse(&bytes).map_err(|source| Error::Ztoc {
            digest: descriptor.digest,
            source,
        })?;
        ztocs.push(ZtocInspection {
            layer,
            descriptor,
            ztoc,
        });
    }
    Ok(IndexInspection {
        version,
        digest,
        ztocs,
    })
}

/// A short tree for people.
impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "image {}", self.root)?;
        for platform in &self.platforms {
            writeln!(
                f,
                "└─ {}  manifest {}",
                platform.platform, platform.manifest
            )?;
            if platform.indexes.is_empty() {
                writeln!(f, "   └─ no SOCI index")?;
            }
            for index in &platform.indexes {
                writeln!(
                    f,
                    "   └─ SOCI index {} {}",
                    index.version.name(),
                    index.digest
                )?;
                for ztoc in &index.ztocs {
                    writeln!(f, "      ├─ layer {}", ztoc.layer)?;
                    writeln!(
                        f,
                        "      │  zTOC  {}  {} bytes, {} files, {} spans",
                        ztoc.descriptor.digest,
                        ztoc.descriptor.size,
                        ztoc.ztoc.files.len(),
                        ztoc.ztoc.span_digests.len()
                    )?;
                }
            }
        }
        Ok(())
    }
}
