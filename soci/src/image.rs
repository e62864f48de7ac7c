//! The manifests of an image, and what each of them is.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::oci::{
    Descriptor, ImageIndex, ImageManifest, Manifest, Platform, annotation, json, media_type,
};
use crate::store::{ImageSource, MAX_MANIFEST, read_blob};

/// Maximum number of manifests in one image.
pub(crate) const MAX_MANIFESTS: usize = 1000;

/// Consumers would not agree on what such a manifest is.
const BOTH: &str = "both an image index and an image manifest";

/// An image: one image manifest, or an image index of several.
#[derive(Debug)]
pub(crate) struct Image {
    pub root: Manifest,
    /// The root, if it is an image index.
    pub index: Option<ImageIndex>,
    /// The manifests, in the index's order.
    pub entries: Vec<Entry>,
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
    /// A container image for a platform.
    Image {
        manifest: ImageManifest,
        platform: Platform,
    },
    /// An attestation of another entry.
    Attestation(ImageManifest),
    /// A SOCI index of an earlier conversion.
    SociIndex,
    /// Anything else, which is kept as it is.
    Other,
}

/// The parts of a manifest that tell an image index from an image manifest.
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
        // The manifest's own media type counts; a registry's header may be a default.
        if let Some(media_type) = shape.media_type.filter(|t| !t.is_empty()) {
            root.descriptor.media_type = media_type;
        }
        let media_type = root.descriptor.media_type.as_str();
        let known = if is_index {
            &[media_type::OCI_INDEX, media_type::DOCKER_LIST]
        } else {
            &[media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST]
        };
        if !known.contains(&media_type) {
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
        if !is_image_config(&manifest.config.media_type) {
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
        })
    }

    async fn from_index(source: &(impl ImageSource + ?Sized), root: Manifest) -> Result<Self> {
        let index: ImageIndex = root.parse()?;
        if index.manifests.len() > MAX_MANIFESTS {
            return Err(Error::TooLarge {
                what: format!(
                    "{}: a list of {} manifests",
                    root.descriptor.digest,
                    index.manifests.len()
                ),
                limit: MAX_MANIFESTS as u64,
            });
        }
        let mut entries = Vec::with_capacity(index.manifests.len());
        for descriptor in &index.manifests {
            entries.push(Entry {
                kind: Kind::of(source, descriptor).await?,
                descriptor: descriptor.clone(),
            });
        }
        if !entries.iter().any(|e| matches!(e.kind, Kind::Image { .. })) {
            return Err(Error::NotAnImage {
                what: root.descriptor.digest,
                found: "an index without image manifests".to_owned(),
            });
        }
        Ok(Self {
            root,
            index: Some(index),
            entries,
        })
    }
}

impl Kind {
    async fn of(source: &(impl ImageSource + ?Sized), descriptor: &Descriptor) -> Result<Self> {
        let soci = descriptor.artifact_type.as_deref() == Some(media_type::SOCI_INDEX_V2)
            || descriptor
                .annotations
                .contains_key(annotation::IMAGE_MANIFEST_DIGEST);
        if soci {
            return Ok(Self::SociIndex);
        }
        let known = [media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST];
        if !known.contains(&descriptor.media_type.as_str()) {
            return Ok(Self::Other);
        }
        let bytes = source.manifest(descriptor).await?;
        let shape: Shape = json::from_slice(descriptor.digest, &bytes)?;
        let manifest: ImageManifest = json::from_slice(descriptor.digest, &bytes)?;
        if shape.manifests.is_some() {
            return Err(Error::manifest(descriptor.digest, BOTH));
        }
        let config = manifest.config.media_type.as_str();
        if config == media_type::SOCI_INDEX_V2 || config == media_type::SOCI_INDEX_V1 {
            return Ok(Self::SociIndex);
        }
        if !is_image_config(config) {
            return Ok(Self::Other);
        }
        let attests = descriptor
            .annotations
            .contains_key(annotation::ATTESTATION_TYPE)
            || descriptor
                .platform
                .as_ref()
                .is_some_and(Platform::is_unknown);
        if attests {
            return Ok(Self::Attestation(manifest));
        }
        let platform = match &descriptor.platform {
            Some(platform) => platform.clone(),
            None => config_platform(source, &manifest).await?,
        };
        Ok(Self::Image { manifest, platform })
    }
}

fn is_image_config(media_type: &str) -> bool {
    media_type == media_type::OCI_CONFIG || media_type == media_type::DOCKER_CONFIG
}

/// Reads the platform in an image's configuration.
async fn config_platform(
    source: &(impl ImageSource + ?Sized),
    manifest: &ImageManifest,
) -> Result<Platform> {
    let bytes = read_blob(source, &manifest.config, MAX_MANIFEST).await?;
    let what = format!("config {}", manifest.config.digest);
    let platform: Platform = json::from_slice(what, &bytes)?;
    Ok(platform.normalized())
}
