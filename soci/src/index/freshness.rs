//! Whether an image is indexed already, decided without reading a layer.
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
use crate::error::Result;
use crate::image::{Image, Kind};
use crate::inspect::{Inspection, ZtocInspection};
use crate::oci::{Digest, EMPTY_JSON};
use crate::store::{Destination, ImageSource};
use crate::version::Version;

/// Whether indexing `source` with these options would change nothing: the indexes in `found` are
/// those that would be built, and all their blobs exist. `found` is what
/// [`inspect`](crate::inspect()) finds for the image itself (V1), or for the SOCI-enabled image
/// (V2).
///
/// No layer is read. An existing zTOC is trusted to be that of its layer, and to be wanted if the layer
/// has several gzip members. An image whose index leaves out a layer that cannot be indexed, which only
/// reading tells, is not fresh; neither is one without any index.
///
/// # Errors
/// If the image cannot be read or the destination refuses.
pub async fn is_fresh(
    source: &(impl ImageSource + ?Sized),
    destination: &(impl Destination + ?Sized),
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
                (Ok(_), Some(ztoc)) => Layer::Indexed {
                    report: report(ztoc),
                    needs_xattrs: true,
                    prefetch: Vec::new(),
                },
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
        reused: true,
    }
}
