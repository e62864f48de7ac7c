//! Rewriting an image so that it carries its SOCI indexes (V2).

use std::collections::HashMap;

use crate::image::{Image, Kind};
use crate::oci::{Annotations, Descriptor, ImageIndex, Manifest, Platform, annotation, media_type};
use crate::store::Document;
use crate::{Digest, Result};

/// A SOCI-enabled image.
#[derive(Debug)]
pub(crate) struct Enabled {
    pub root: Document,
    /// The rewritten manifests.
    pub manifests: Vec<Document>,
    /// The digests that they had, to those that they have.
    pub renamed: HashMap<Digest, Digest>,
}

/// Rewrites an image so that it carries its SOCI indexes.
pub(crate) fn enable(image: &Image, indexes: &[Option<Document>]) -> Result<Enabled> {
    let mut manifests = Vec::new();
    let mut entries = Vec::new();
    let mut appended = Vec::new();
    let mut renamed = HashMap::new();
    for (entry, index) in image.entries.iter().zip(indexes) {
        let (manifest, platform) = match &entry.kind {
            Kind::SociIndex => continue,
            Kind::Other => {
                entries.push(entry.descriptor.clone());
                continue;
            }
            Kind::Image { manifest, platform } => (manifest, Some(platform)),
            Kind::Attestation(manifest) => (manifest, entry.descriptor.platform.as_ref()),
        };
        let rewritten = rewrite(manifest, index.as_ref())?;
        let descriptor = redescribe(&entry.descriptor, &rewritten, manifest, platform);
        // A manifest may be listed for two platforms of which one is indexed: that one counts.
        if index.is_some() || !renamed.contains_key(&entry.descriptor.digest) {
            renamed.insert(entry.descriptor.digest, descriptor.digest);
        }
        if let Some(index) = index {
            appended.push(beside(index, descriptor.digest, platform));
        }
        entries.push(descriptor);
        manifests.push(rewritten);
    }
    // Attestations name the manifests they speak of.
    for entry in &mut entries {
        if let Some(subject) = entry.annotations.get_mut(annotation::ATTESTATION_SUBJECT)
            && let Ok(old) = subject.parse::<Digest>()
            && let Some(new) = renamed.get(&old)
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
    Ok(Enabled {
        root: Document::of(media_type::OCI_INDEX, &root)?,
        manifests,
        renamed,
    })
}

/// An image manifest in OCI's form, pointing at its SOCI index.
fn rewrite(manifest: &Manifest, index: Option<&Document>) -> Result<Document> {
    let mut manifest = manifest.clone();
    manifest.media_type = Some(media_type::OCI_MANIFEST.to_owned());
    media_type::OCI_CONFIG.clone_into(&mut manifest.config.media_type);
    manifest.annotations.remove(annotation::INDEX_DIGEST);
    if let Some(index) = index {
        let key = annotation::INDEX_DIGEST.to_owned();
        let digest = index.descriptor.digest.to_string();
        manifest.annotations.insert(key, digest);
    }
    let mut document = Document::of(media_type::OCI_MANIFEST, &manifest)?;
    document.descriptor.annotations = manifest.annotations;
    Ok(document)
}

/// The descriptor of a rewritten manifest: what the old one said, as far as it still holds.
fn redescribe(
    old: &Descriptor,
    rewritten: &Document,
    manifest: &Manifest,
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

/// The descriptor of a SOCI index beside its image manifest.
fn beside(index: &Document, manifest: Digest, platform: Option<&Platform>) -> Descriptor {
    let mut descriptor = index.descriptor.clone();
    descriptor.annotations = Annotations::new();
    let key = annotation::IMAGE_MANIFEST_DIGEST.to_owned();
    descriptor.annotations.insert(key, manifest.to_string());
    descriptor.platform = platform.cloned();
    descriptor
}
