//! Conversion of an image into a SOCI-enabled image (V2).

use std::collections::HashMap;

use crate::error::Result;
use crate::image::{Image, Kind};
use crate::oci::{
    Annotations, Descriptor, Digest, ImageIndex, ImageManifest, Manifest, Platform, annotation,
    media_type,
};

/// A SOCI-enabled image.
#[derive(Debug)]
pub(super) struct Converted {
    /// Its image index.
    pub root: Manifest,
    /// The rewritten manifests.
    pub manifests: Vec<Manifest>,
    /// Digests of the image's manifests, mapped to those of the rewritten manifests.
    pub rewritten: HashMap<Digest, Digest>,
}

/// Converts an image. `indexes` has the SOCI index of each of its entries, if there is one.
pub(super) fn convert(image: &Image, indexes: &[Option<Manifest>]) -> Result<Converted> {
    let mut manifests = Vec::new();
    let mut entries = Vec::new();
    let mut appended = Vec::new();
    let mut digests = HashMap::new();
    for (entry, index) in image.entries.iter().zip(indexes) {
        let (manifest, platform) = match &entry.kind {
            Kind::SociIndex => continue,
            Kind::Other => {
                entries.push(entry.descriptor.clone());
                continue;
            }
            Kind::Image { manifest, platform } if platform.is_complete() => {
                (manifest, Some(platform))
            }
            // A manifest that is left out for lack of a platform gets none.
            Kind::Image { manifest, .. } => (manifest, entry.descriptor.platform.as_ref()),
            Kind::Attestation(manifest) => (manifest, entry.descriptor.platform.as_ref()),
        };
        let rewritten = rewrite(manifest, index.as_ref())?;
        let descriptor = redescribe(&entry.descriptor, &rewritten, manifest, platform);
        // A manifest may be listed for two platforms of which only one is indexed; that one counts.
        if index.is_some() || !digests.contains_key(&entry.descriptor.digest) {
            digests.insert(entry.descriptor.digest, descriptor.digest);
        }
        if let Some(index) = index {
            appended.push(beside(index, descriptor.digest, platform));
        }
        entries.push(descriptor);
        manifests.push(rewritten);
    }
    // Attestations name the manifests that they describe.
    for entry in &mut entries {
        if let Some(subject) = entry.annotations.get_mut(annotation::ATTESTATION_SUBJECT)
            && let Ok(old) = subject.parse::<Digest>()
            && let Some(new) = digests.get(&old)
        {
            *subject = new.to_string();
        }
    }
    entries.append(&mut appended);
    let mut root = ImageIndex::of(entries);
    if let Some(index) = &image.index {
        root.artifact_type.clone_from(&index.artifact_type);
        root.subject.clone_from(&index.subject);
        root.annotations.clone_from(&index.annotations);
    }
    Ok(Converted {
        root: Manifest::of(media_type::OCI_INDEX, &root)?,
        manifests,
        rewritten: digests,
    })
}

/// Rewrites an image manifest in OCI form, with a reference to its SOCI index.
fn rewrite(manifest: &ImageManifest, index: Option<&Manifest>) -> Result<Manifest> {
    let mut manifest = manifest.clone();
    manifest.media_type = Some(media_type::OCI_MANIFEST.to_owned());
    media_type::OCI_CONFIG.clone_into(&mut manifest.config.media_type);
    manifest.annotations.remove(annotation::INDEX_DIGEST);
    if let Some(index) = index {
        let key = annotation::INDEX_DIGEST.to_owned();
        let digest = index.descriptor.digest.to_string();
        manifest.annotations.insert(key, digest);
    }
    let mut rewritten = Manifest::of(media_type::OCI_MANIFEST, &manifest)?;
    rewritten.descriptor.annotations = manifest.annotations;
    Ok(rewritten)
}

/// Describes a rewritten manifest, keeping those parts of the old descriptor that still hold.
fn redescribe(
    old: &Descriptor,
    rewritten: &Manifest,
    manifest: &ImageManifest,
    platform: Option<&Platform>,
) -> Descriptor {
    let mut descriptor = old.clone();
    descriptor.annotations.remove(annotation::INDEX_DIGEST);
    descriptor
        .annotations
        .extend(rewritten.descriptor.annotations.clone());
    descriptor
        .media_type
        .clone_from(&rewritten.descriptor.media_type);
    descriptor.digest = rewritten.descriptor.digest;
    descriptor.size = rewritten.descriptor.size;
    descriptor.platform = platform.cloned();
    descriptor.artifact_type.clone_from(&manifest.artifact_type);
    descriptor.data = None;
    descriptor
}

/// Describes a SOCI index that is listed alongside its image manifest.
fn beside(index: &Manifest, manifest: Digest, platform: Option<&Platform>) -> Descriptor {
    let mut descriptor = index.descriptor.clone();
    descriptor.annotations = Annotations::new();
    let key = annotation::IMAGE_MANIFEST_DIGEST.to_owned();
    descriptor.annotations.insert(key, manifest.to_string());
    descriptor.platform = platform.cloned();
    descriptor
}
