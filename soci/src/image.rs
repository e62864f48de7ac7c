//! Taking an image apart: which manifests it has, and what each of them is.

use serde::Deserialize;

use crate::oci::{Descriptor, ImageIndex, Manifest, Platform, annotation, media_type};
use crate::store::{Document, MAX_DOCUMENT, Source, read_blob};
use crate::{Error, Result};

/// More manifests than this in one image are refused.
pub(crate) const MAX_MANIFESTS: usize = 1000;

/// Consumers would not agree on which of the two such a document is.
const BOTH: &str = "both an image index and an image manifest";

/// An image: one manifest, or an index of several.
#[derive(Debug)]
pub(crate) struct Image {
    pub root: Document,
    /// The index, if the root is one.
    pub index: Option<ImageIndex>,
    /// The manifests, in the index's order.
    pub entries: Vec<Entry>,
}

/// One manifest of an image.
#[derive(Debug)]
pub(crate) struct Entry {
    /// As the index has it; for a single manifest with its platform added.
    pub descriptor: Descriptor,
    pub kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// A container image for a platform.
    Image {
        manifest: Manifest,
        platform: Platform,
    },
    /// A statement about an image beside it.
    Attestation(Manifest),
    /// A SOCI index that an earlier conversion left.
    SociIndex,
    /// Something else, which is kept as it is.
    Other,
}

/// What of a document tells an index from a manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    config: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
}

impl Image {
    pub(crate) async fn read(source: &(impl Source + ?Sized)) -> Result<Self> {
        let mut root = source.root().await?;
        let what = root.descriptor.digest;
        let shape: Shape = root.parse()?;
        let is_index = shape.manifests.is_some();
        if is_index && (shape.layers.is_some() || shape.config.is_some()) {
            return Err(Error::document(what, BOTH));
        }
        // The document's own word counts; a registry's header may be a default.
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
                what: what.to_string(),
                found: format!("a document of media type {media_type:?}"),
            });
        }
        if is_index {
            Self::from_index(source, root).await
        } else {
            Self::from_manifest(source, root).await
        }
    }

    async fn from_manifest(source: &(impl Source + ?Sized), root: Document) -> Result<Self> {
        let manifest: Manifest = root.parse()?;
        if !is_image_config(&manifest.config.media_type) {
            return Err(Error::NotAnImage {
                what: root.descriptor.digest.to_string(),
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

    async fn from_index(source: &(impl Source + ?Sized), root: Document) -> Result<Self> {
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
                what: root.descriptor.digest.to_string(),
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
    async fn of(source: &(impl Source + ?Sized), descriptor: &Descriptor) -> Result<Self> {
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
        let parsed = serde_json::from_slice::<Shape>(&bytes).and_then(|shape| {
            let manifest = serde_json::from_slice::<Manifest>(&bytes)?;
            Ok((shape, manifest))
        });
        let (shape, manifest) =
            parsed.map_err(|error| Error::document(descriptor.digest, error))?;
        if shape.manifests.is_some() {
            return Err(Error::document(descriptor.digest, BOTH));
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

/// The platform that an image's configuration names.
async fn config_platform(source: &(impl Source + ?Sized), manifest: &Manifest) -> Result<Platform> {
    let bytes = read_blob(source, &manifest.config, MAX_DOCUMENT).await?;
    let platform: Platform = serde_json::from_slice(&bytes)
        .map_err(|error| Error::document(format!("config {}", manifest.config.digest), error))?;
    Ok(platform.normalized())
}
