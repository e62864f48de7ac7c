//! All layers of an image, each indexed once.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::layer::build_ztoc;
use super::options::Options;
use super::progress::Progress;
use super::report::ZtocReport;
use crate::error::{Error, Result};
use crate::image::{Image, Kind};
use crate::oci::{Descriptor, Digest};
use crate::store::{BlobSource, Destination};
use crate::ztoc::{Compression, Outcome, SkipReason};

/// The layers of an image by what they are.
pub(super) type Layers = HashMap<LayerKey, Layer>;

/// Key under which layers of an image are indexed once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LayerKey {
    digest: Digest,
    size: u64,
    media_type: String,
}

impl LayerKey {
    pub(super) fn of(layer: &Descriptor) -> Self {
        Self {
            digest: layer.digest,
            size: layer.size,
            media_type: layer.media_type.clone(),
        }
    }
}

/// A layer that was indexed or skipped.
pub(super) enum Layer {
    /// The layer's zTOC is stored.
    Indexed {
        report: ZtocReport,
        needs_xattrs: bool,
        /// Spans of each file to prefetch; `None` if it is not in the layer, or empty.
        prefetch: Vec<Option<RangeInclusive<usize>>>,
    },
    Skipped(SkipReason),
}

/// Decides by its descriptor whether a layer is indexed. Returns its compression, or `None` if its
/// first bytes tell.
pub(super) fn select(
    layer: &Descriptor,
    options: &Options,
) -> Result<Option<Compression>, SkipReason> {
    let compression = Compression::of_media_type(&layer.media_type)?;
    if layer.size < options.min_layer_size {
        return Err(SkipReason::TooSmall {
            size: layer.size,
            minimum: options.min_layer_size,
        });
    }
    Ok(compression)
}

/// Builds and stores the zTOC of every layer that can have one.
pub(super) async fn index_layers(
    source: &(impl BlobSource + ?Sized),
    destination: &(impl Destination + ?Sized),
    image: &Image,
    options: &Options,
    progress: &(impl Progress + ?Sized),
) -> Result<Layers> {
    let mut layers = Layers::new();
    let mut seen = HashSet::new();
    let mut selected = Vec::new();
    for entry in &image.entries {
        let manifest = match &entry.kind {
            Kind::Image { manifest, platform } if options.wants(platform) => manifest,
            _ => continue,
        };
        for layer in &manifest.layers {
            let key = LayerKey::of(layer);
            if !seen.insert(key.clone()) {
                continue;
            }
            match select(layer, options) {
                Ok(compression) => selected.push((key, layer.clone(), compression)),
                Err(reason) => {
                    layers.insert(key, Layer::Skipped(reason));
                }
            }
        }
    }
    let indexed = stream::iter(selected)
        .map(|(key, layer, compression)| async move {
            let layer = index_layer(source, destination, &layer, compression, options, progress);
            Ok::<_, Error>((key, layer.await?))
        })
        .buffer_unordered(options.concurrency.max(1))
        .try_collect::<Vec<_>>()
        .await?;
    layers.extend(indexed);
    Ok(layers)
}

async fn index_layer(
    source: &(impl BlobSource + ?Sized),
    destination: &(impl Destination + ?Sized),
    layer: &Descriptor,
    compression: Option<Compression>,
    options: &Options,
    progress: &(impl Progress + ?Sized),
) -> Result<Layer> {
    progress.layer_started(layer);
    let built = build_ztoc(source, layer, compression, options.ztoc.clone(), progress).await;
    let outcome = match built {
        // It may be stored elsewhere only.
        Err(error) if error.is_not_found() && !layer.urls.is_empty() => {
            Outcome::Skipped(SkipReason::Foreign)
        }
        built => built?,
    };
    let outcome = match outcome {
        Outcome::Built(ztoc) if ztoc.several_members && !options.multi_member_layers => {
            Outcome::Skipped(SkipReason::SeveralMembers)
        }
        outcome => outcome,
    };
    match outcome {
        Outcome::Skipped(reason) => {
            progress.layer_finished(layer, Some(&reason));
            Ok(Layer::Skipped(reason))
        }
        Outcome::Built(ztoc) => {
            let report = ZtocReport {
                layer: layer.digest,
                digest: ztoc.digest,
                size: ztoc.bytes.len() as u64,
                files: ztoc.files,
                spans: ztoc.spans,
            };
            destination
                .push_blob(ztoc.digest, ztoc.bytes.into())
                .await?;
            progress.layer_finished(layer, None);
            Ok(Layer::Indexed {
                report,
                needs_xattrs: ztoc.needs_xattrs,
                prefetch: ztoc.prefetch,
            })
        }
    }
}
