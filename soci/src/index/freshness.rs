//! Checks whether an image is already indexed, without reading a layer.
//!
//! Everything that is published is determined by three things: the image's manifests, the options,
//! and the zTOC of each layer. The first two are small and available; the third is in the existing
//! index. So the manifests are rebuilt from what exists and compared. Facts that an index does not
//! state about its zTOCs, such as the position of a file to prefetch, may be known from when they
//! were built.

use std::collections::HashMap;

use super::convert::convert;
use super::known::{Knowledge, KnownKey, KnownLayer, earlier_reason};
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

/// Returns whether indexing `source` with these options would change nothing: the indexes in
/// `found` are those that would be built, and all their blobs exist. `found` is the result of
/// [`inspect`](crate::inspect()) for the image itself (V1) or for the SOCI-enabled image (V2).
///
/// No layer is read. An existing zTOC is trusted to be that of its layer, and to be wanted if the
/// layer has several gzip members. Facts that only reading a layer reveals are looked up in
/// `known`: that the layer cannot be indexed and, if the options concern extended attributes or
/// files to prefetch, the relevant facts about its files. An image for which these are not known is
/// not fresh, nor is one without any index.
///
/// # Errors
/// If the image cannot be read or the destination refuses the request.
pub async fn is_fresh(
    source: &(impl ImageSource + ?Sized),
    destination: &(impl Destination + ?Sized),
    found: &Inspection,
    options: &Options,
    known: &(impl Knowledge + ?Sized),
) -> Result<bool> {
    let needs_files = options.optimize_xattrs || !options.ztoc.prefetch_files.is_empty();
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
            let key = LayerKey::of(layer);
            if layers.contains_key(&key) {
                continue;
            }
            let found = match (select(layer, options), existing.get(&layer.digest)) {
                (Err(reason), _) => Layer::Skipped(reason),
                (Ok(_), Some(ztoc)) if !needs_files => Layer::Indexed {
                    report: report(ztoc),
                    needs_xattrs: true,
                    prefetch: Vec::new(),
                },
                (Ok(_), ztoc) => {
                    let recalled = known.recall(&KnownKey::of(layer, options)).await;
                    match (recalled, ztoc) {
                        (Some(KnownLayer::Indexed(known)), Some(ztoc))
                            if known.fits(options) && known.digest == ztoc.descriptor.digest =>
                        {
                            Layer::indexed(layer, &known, true)
                        }
                        (Some(KnownLayer::Skipped(reason)), None) => {
                            Layer::Skipped(earlier_reason(&reason))
                        }
                        _ => return Ok(false),
                    }
                }
            };
            layers.insert(key, found);
        }
    }
    let (mut indexes, mut artifacts) = (Vec::new(), Vec::new());
    for entry in &image.entries {
        let index = match &entry.kind {
            Kind::Image { manifest, platform } if options.wants(platform) => {
                let descriptor = &entry.descriptor;
                let assembled = assemble(descriptor, manifest, platform, &layers, options)?;
                let prefetch = assembled.prefetch.into_iter();
                artifacts.extend(prefetch.map(|artifact| artifact.descriptor.digest));
                assembled.index
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
    artifacts.push(Digest::of(EMPTY_JSON));
    for artifact in artifacts {
        if !destination.has_blob(artifact).await? {
            return Ok(false);
        }
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

/// Returns the zTOCs of indexes with the wanted version and span size, by layer.
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

/// Reports an existing zTOC, as far as its descriptor allows.
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
