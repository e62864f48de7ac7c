//! Telling whether an image is indexed already, without reading a layer.
//!
//! Everything that is published follows from three things: the image's documents, the options,
//! and the zTOC of each layer. The first two are at hand and small; the third stands in the
//! index that is there. So the documents are made once more out of what stands, and compared.

use std::collections::HashMap;

use crate::assemble::{Layer, assemble, key};
use crate::build::{EMPTY_CONFIG, Options, Version};
use crate::enable::enable;
use crate::image::{Image, Kind};
use crate::inspect::Inspection;
use crate::layer::Format;
use crate::report::ZtocReport;
use crate::store::{Destination, Source};
use crate::ztoc::SkipReason;
use crate::{Digest, Result};

/// Whether indexing `source` with these options would change nothing: the indexes that `found`
/// has are what would be built, and every blob of theirs is there. `found` is what
/// [`inspect`](crate::inspect) says of the image itself (V1), or of the SOCI-enabled image (V2).
///
/// A zTOC that stands is taken for the layer's. An image whose index leaves out a layer that
/// only reading can tell to be unfit counts as not indexed, and so does one without any index.
///
/// # Errors
/// When the image cannot be read or the destination refuses.
pub async fn is_current(
    source: &(impl Source + ?Sized),
    destination: &(impl Destination + ?Sized),
    found: &Inspection,
    options: &Options,
) -> Result<bool> {
    // Both are seen only when a layer is read.
    if options.optimize_xattrs || !options.ztoc.prefetch_files.is_empty() {
        return Ok(false);
    }
    let image = Image::read(source).await?;
    let standing = standing(found, options);
    let mut layers = HashMap::new();
    for entry in &image.entries {
        let Kind::Image { manifest, platform } = &entry.kind else {
            continue;
        };
        if !options.wants(platform) {
            continue;
        }
        for layer in &manifest.layers {
            let fit = Format::of(&layer.media_type).is_ok() && layer.size >= options.min_layer_size;
            let known = match standing.get(&layer.digest) {
                _ if !fit => Layer::Skipped(SkipReason::new("it is not fit")),
                None => return Ok(false),
                Some(report) => Layer::Indexed {
                    report: report.clone(),
                    needs_xattrs: true,
                    prefetch: Vec::new(),
                },
            };
            layers.insert(key(layer), known);
        }
    }
    let mut indexes = Vec::new();
    for entry in &image.entries {
        let index = match &entry.kind {
            Kind::Image { manifest, platform } if options.wants(platform) => {
                assemble(entry, manifest, platform, &layers, options)?.index
            }
            _ => None,
        };
        indexes.push(index);
    }
    let made: Vec<Digest> = indexes
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
            made.iter().all(|index| found.contains(index))
        }
        Version::V2 => enable(&image, &indexes)?.root.descriptor.digest == found.root,
    };
    if made.is_empty() || !same {
        return Ok(false);
    }
    if !destination.has_blob(Digest::of(EMPTY_CONFIG)).await? {
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

/// The zTOCs of the indexes that may be those wanted, by layer.
fn standing(found: &Inspection, options: &Options) -> HashMap<Digest, ZtocReport> {
    let indexes = found
        .platforms
        .iter()
        .flat_map(|platform| &platform.indexes);
    let indexes = indexes.filter(|index| index.version == options.version);
    let ztocs = indexes.flat_map(|index| &index.ztocs);
    let fit = ztocs.filter(|ztoc| ztoc.span_size == Some(options.ztoc.span_size));
    let reports = fit.map(|ztoc| {
        let report = ZtocReport {
            layer: ztoc.layer,
            digest: ztoc.descriptor.digest,
            size: ztoc.descriptor.size,
            files: 0,
            spans: 0,
        };
        (ztoc.layer, report)
    });
    reports.collect()
}
