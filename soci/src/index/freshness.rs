//! Whether an image is indexed already, decided without reading a whole layer.
//!
//! Everything that is published follows from three things: the image's manifests, the options, and
//! the zTOC of each layer. The first two are at hand and small; the third is in the existing index.
//! So the manifests are made again from what exists, and compared.

use std::collections::HashMap;

use super::convert::convert;
use super::layers::{Layer, LayerKey, Layers, select};
use super::options::Options;
use super::report::ZtocReport;
use super::soci_index::assemble;
use crate::error::{Error, Result};
use crate::image::{Image, Kind};
use crate::inspect::{Inspection, ZtocInspection};
use crate::oci::{Descriptor, Digest, EMPTY_JSON};
use crate::store::{BlobSource, Destination, ImageSource};
use crate::version::Version;

/// Whether indexing `source` with these options would change nothing: the indexes in `found` are
/// those that would be built, and all their blobs exist. `found` is what
/// [`inspect`](crate::inspect()) finds for the image itself (V1), or for the SOCI-enabled image
/// (V2).
///
/// No layer is read, but for the last span of those with a zTOC where the options leave out layers of
/// several gzip members. An existing zTOC is trusted to be that of its layer. An image whose index leaves out a layer that
/// cannot be indexed, which only reading tells, is not fresh; neither is one without any index.
///
/// # Errors
/// If the image cannot be read or the destination refuses.
pub async fn is_fresh(
    source: &(impl ImageSource + ?Sized),
    destination: &(impl Destination + BlobSource + ?Sized),
    found: &Inspection,
    options: &Options,
) -> Result<bool> {
    // Only reading the layers tells the effect of these.
    if options.optimize_xattrs || !options.ztoc.prefetch_files.is_empty() {
        return Ok(false);
    }
    let mut image = Image::read(source).await?;
    if options.renames_layer_types() {
        image.rename_layer_types(source).await?;
    }
    let existing = existing_ztocs(found, options);
    let mut layers = Layers::new();
    for entry in &image.entries {
        let Kind::Image { manifest, platform } = &entry.kind else {
            continue;
        };
        if !options.wants(platform) {
            continue;
        }
        for layer in &manifest.layers {
            let known = match (select(layer, options), existing.get(&layer.digest)) {
                (Err(reason), _) => Layer::Skipped(reason),
                (Ok(_), None) => return Ok(false),
                (Ok(_), Some(ztoc)) => {
                    if !options.multi_member_layers
                        && !has_one_member(source, destination, layer, ztoc).await?
                    {
                        return Ok(false);
                    }
                    Layer::Indexed {
                        report: report(ztoc),
                        needs_xattrs: true,
                        prefetch: Vec::new(),
                    }
                }
            };
            layers.insert(LayerKey::of(layer), known);
        }
    }
    let mut indexes = Vec::new();
    for entry in &image.entries {
        let index = match &entry.kind {
            Kind::Image { manifest, platform } if options.wants(platform) => {
                assemble(&entry.descriptor, manifest, platform, &layers, options)?.index
            }
            _ => None,
        };
        indexes.push(index);
    }
    let built: Vec<Digest> = indexes
        .iter()
        .flatten()
        .map(|i| i.descriptor.digest)
        .collect();
    let same = match options.version {
        Version::V1 => {
            let found = found
                .platforms
                .iter()
                .flat_map(|platform| &platform.indexes);
            let found: Vec<Digest> = found.map(|index| index.digest).collect();
            built.iter().all(|index| found.contains(index))
        }
        Version::V2 => convert(&image, &indexes)?.root.descriptor.digest == found.root,
    };
    if built.is_empty() || !same {
        return Ok(false);
    }
    if !destination.has_blob(Digest::of(EMPTY_JSON)).await? {
        return Ok(false);
    }
    for layer in layers.values() {
        if let Layer::Indexed { report, .. } = layer
            && !destination.has_blob(report.digest).await?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a layer has one member, as far as its zTOC can be used to tell.
async fn has_one_member(
    source: &(impl BlobSource + ?Sized),
    destination: &(impl BlobSource + ?Sized),
    layer: &Descriptor,
    ztoc: &ZtocInspection,
) -> Result<bool> {
    let read = match ztoc.read(destination).await {
        Ok(read) => read,
        Err(Error::Ztoc { .. } | Error::DigestMismatch { .. } | Error::SizeMismatch { .. }) => {
            return Ok(false);
        }
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(!ztoc.has_several_members(source, layer, &read).await?)
}

/// Returns the zTOCs of indexes of the wanted version and span size, by layer.
fn existing_ztocs<'a>(
    found: &'a Inspection,
    options: &Options,
) -> HashMap<Digest, &'a ZtocInspection> {
    let indexes = found
        .platforms
        .iter()
        .flat_map(|platform| &platform.indexes);
    let indexes = indexes.filter(|index| index.version == options.version);
    let ztocs = indexes.flat_map(|index| &index.ztocs);
    let fit = ztocs.filter(|ztoc| ztoc.span_size == Some(options.ztoc.span_size));
    fit.map(|ztoc| (ztoc.layer, ztoc)).collect()
}

/// Reports an existing zTOC, as far as its descriptor tells.
fn report(ztoc: &ZtocInspection) -> ZtocReport {
    ZtocReport {
        layer: ztoc.layer,
        digest: ztoc.descriptor.digest,
        size: ztoc.descriptor.size,
        files: 0,
        spans: 0,
    }
}
