//! The path from an image to its indexes.

use super::convert::convert;
use super::known::Knowledge;
use super::layers::Indexer;
use super::options::Options;
use super::progress::Progress;
use super::publish::{Indexed, SociIndex};
use super::report::{Report, SourceReport};
use super::soci_index::assemble;
use crate::error::{Error, Result};
use crate::image::{Image, Kind, LeftOut, LeftOutReason};
use crate::oci::Platform;
use crate::store::{Destination, ImageSource};
use crate::version::Version;

/// Reads an image, builds its indexes and stores their zTOCs. A layer that is already `known` is
/// not read; the resulting indexes are the same.
///
/// Dropping the future stops the work, leaving only blobs that nothing refers to.
///
/// # Errors
/// If the image cannot be read or does not match its digests, or the destination refuses the
/// request.
pub async fn index(
    source: &(impl ImageSource + ?Sized),
    destination: &(impl Destination + ?Sized),
    options: &Options,
    known: &(impl Knowledge + ?Sized),
    progress: &(impl Progress + ?Sized),
) -> Result<Indexed> {
    let mut image = Image::read(source).await?;
    let without_platform = without_platform(&image, options)?;
    let missing_platforms = missing_platforms(&image, options)?;
    if options.renames_layer_types() {
        image.rename_layer_types(source).await?;
    }
    let indexer = Indexer {
        source,
        destination,
        options,
        known,
        progress,
    };
    let (layers, reused) = indexer.layers(&image).await?;
    let mut report = Report {
        version: options.version,
        source: SourceReport {
            digest: image.root.descriptor.digest,
            media_type: image.root.descriptor.media_type.clone(),
        },
        digest: None,
        indexes: Vec::new(),
        reused,
        left_out: std::mem::take(&mut image.left_out),
        missing_platforms,
    };
    report.left_out.extend(without_platform);
    let mut indexes = Vec::new();
    for entry in &image.entries {
        let index = match &entry.kind {
            Kind::Image { manifest, platform } if options.wants(platform) => {
                let descriptor = &entry.descriptor;
                let assembled = assemble(descriptor, manifest, platform, &layers, options)?;
                for artifact in assembled.prefetch {
                    let digest = artifact.descriptor.digest;
                    destination.push_blob(digest, vec![artifact.bytes]).await?;
                }
                report.indexes.push(assembled.report);
                assembled.index
            }
            _ => None,
        };
        indexes.push(index);
    }
    let converted = if options.version == Version::V2 && !report.is_empty() {
        let converted = convert(&image, &indexes)?;
        for index in &mut report.indexes {
            index.manifest = converted.rewritten[&index.manifest];
        }
        report.digest = Some(converted.root.descriptor.digest);
        Some(converted)
    } else {
        None
    };
    let (mut content, mut kept) = (Vec::new(), Vec::new());
    for entry in &image.entries {
        match &entry.kind {
            Kind::Image { manifest, .. } | Kind::Attestation(manifest) => {
                content.push(manifest.config.clone());
                content.extend(manifest.layers.iter().cloned());
            }
            Kind::Other => kept.push(entry.descriptor.clone()),
            Kind::SociIndex => {}
        }
    }
    let subjects = image.entries.into_iter().map(|entry| entry.descriptor);
    let indexes = indexes.into_iter().zip(subjects);
    let indexes = indexes.filter_map(|(index, subject)| {
        let index = index?;
        Some(SociIndex { index, subject })
    });
    Ok(Indexed {
        report,
        indexes: indexes.collect(),
        converted,
        content,
        kept,
    })
}

/// Returns the images that are left out of a SOCI-enabled image (V2) because their platform is
/// unknown. Fails if there are no others.
fn without_platform(image: &Image, options: &Options) -> Result<Vec<LeftOut>> {
    if options.version != Version::V2 {
        return Ok(Vec::new());
    }
    let (mut left_out, mut others) = (Vec::new(), false);
    for entry in &image.entries {
        match &entry.kind {
            Kind::Image { platform, .. } if platform.is_complete() => others = true,
            Kind::Image { .. } => {
                left_out.push(LeftOut::new(&entry.descriptor, LeftOutReason::NoPlatform));
            }
            _ => {}
        }
    }
    if !others {
        return Err(Error::NoPlatform {
            what: image.root.descriptor.digest,
        });
    }
    Ok(left_out)
}

/// Returns the requested platforms that the image lacks. Fails if none may be missing.
fn missing_platforms(image: &Image, options: &Options) -> Result<Vec<String>> {
    let platforms = image.entries.iter().filter_map(|entry| match &entry.kind {
        Kind::Image { platform, .. } => Some(platform),
        _ => None,
    });
    let found: Vec<&Platform> = platforms.collect();
    let is_missing = |wanted: &&Platform| !found.iter().any(|found| found.matches(wanted));
    let mut missing = options.platforms.iter().filter(is_missing);
    if options.allow_missing_platforms {
        return Ok(missing.map(ToString::to_string).collect());
    }
    match missing.next() {
        None => Ok(Vec::new()),
        Some(missing) => Err(Error::NoSuchPlatform {
            image: image.root.descriptor.digest,
            wanted: Box::new(missing.clone()),
            found: found.into_iter().cloned().collect(),
        }),
    }
}
