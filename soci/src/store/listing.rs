//! The images listed in the index of an image layout.

use std::collections::BTreeSet;
use std::path::Path;

use super::content::config_platform;
use super::source::ImageSource;
use crate::error::{Error, Result};
use crate::oci::{Descriptor, ImageIndex, ImageManifest, Manifest, Platform, json, media_type};

/// Annotation with which a layout names its images, usually by tag.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Annotation in which containerd and Docker store the full reference.
pub(super) const IMAGE_NAME: &str = "io.containerd.image.name";

/// Returns whether a listed manifest has a given name.
pub(super) fn is_named(listed: &Descriptor, name: &str) -> bool {
    let annotations = &listed.annotations;
    let mut names = [REF_NAME, IMAGE_NAME].into_iter();
    names.any(|key| annotations.get(key).is_some_and(|found| found == name))
}

/// An image as the index of a layout lists it.
pub(super) enum Listed {
    /// One manifest or index.
    One(Descriptor),
    /// The manifests of several platforms, in an image index that exists nowhere else.
    Platforms(Manifest),
}

/// Finds the image with the given name, or the first image if no name is given.
///
/// # Errors
/// If there is none, or if the choice is ambiguous.
pub(super) async fn find(
    source: &(impl ImageSource + ?Sized),
    path: &Path,
    index: ImageIndex,
    name: Option<&str>,
) -> Result<Listed> {
    let mut listed = index.manifests;
    match name {
        Some(name) => listed.retain(|listed| is_named(listed, name)),
        None => {
            let ref_name = |listed: &Descriptor| listed.annotations.get(REF_NAME).cloned();
            let first = listed.first().and_then(ref_name);
            listed.retain(|listed| ref_name(listed) == first);
        }
    }
    let Some(first) = listed.first().cloned() else {
        return Err(Error::NotInLayout {
            path: path.to_owned(),
            name: name.unwrap_or_default().to_owned(),
        });
    };
    if listed.len() == 1 {
        return Ok(Listed::One(first));
    }
    let ambiguous = || Error::AmbiguousLayout {
        path: path.to_owned(),
        name: name
            .map(str::to_owned)
            .or_else(|| first.annotations.get(REF_NAME).cloned()),
    };
    let mut images = Vec::new();
    let mut platforms = BTreeSet::new();
    for mut image in listed {
        let platform = match platform(source, &image).await? {
            Found::Image(platform) => platform.normalized().to_string(),
            // Two of these, or one along with others, do not form a single image.
            Found::Index => image.digest.to_string(),
            Found::Artifact => continue,
        };
        if images
            .iter()
            .any(|known: &Descriptor| known.digest == image.digest)
        {
            continue;
        }
        if !platforms.insert(platform) {
            return Err(ambiguous());
        }
        // The names belong to the layout.
        image.annotations.remove(REF_NAME);
        image.annotations.remove(IMAGE_NAME);
        images.push(image);
    }
    if images.len() < 2 {
        let only = images.pop();
        return Ok(Listed::One(only.unwrap_or(first)));
    }
    if images.iter().any(is_index) {
        return Err(ambiguous());
    }
    let index = ImageIndex::of(images);
    Ok(Listed::Platforms(Manifest::of(
        media_type::OCI_INDEX,
        &index,
    )?))
}

enum Found {
    Image(Platform),
    Index,
    /// An artifact, such as a SOCI index (V1) or a signature.
    Artifact,
}

fn is_index(listed: &Descriptor) -> bool {
    media_type::is_index(&listed.media_type)
}

/// Determines whether a listed manifest is an image, and for which platform.
async fn platform(source: &(impl ImageSource + ?Sized), listed: &Descriptor) -> Result<Found> {
    if is_index(listed) {
        return Ok(Found::Index);
    }
    let said = listed.platform.clone().filter(Platform::is_complete);
    if source.lacks(listed).await {
        return Ok(said.map_or(Found::Artifact, Found::Image));
    }
    let bytes = source.manifest(listed).await?;
    let Ok(manifest) = json::from_slice::<ImageManifest>(listed.digest, &bytes) else {
        return Ok(Found::Artifact);
    };
    if manifest.subject.is_some() || !media_type::is_image_config(&manifest.config.media_type) {
        return Ok(Found::Artifact);
    }
    if let Some(said) = said {
        return Ok(Found::Image(said));
    }
    let platform = config_platform(source, &manifest).await?;
    Ok(Found::Image(platform))
}
