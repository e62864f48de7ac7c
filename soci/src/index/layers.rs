//! The layers of an image, each indexed once.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::known::{Knowledge, KnownKey, KnownLayer, KnownZtoc, earlier_reason, of_skipped};
use super::layer::{Outcome, build_ztoc};
use super::options::Options;
use super::progress::Progress;
use super::report::{Reused, ZtocReport};
use crate::error::{Error, Result};
use crate::image::{Image, Kind};
use crate::oci::{Descriptor, Digest};
use crate::store::{BlobSource, Destination};
use crate::ztoc::{BuiltZtoc, Compression, SkipReason, weight};

/// The layers of an image by key.
pub(super) type Layers = HashMap<LayerKey, Layer>;

/// Key that identifies layers for which indexing has the same result.
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

/// Decides from its descriptor whether a layer is indexed. Returns its compression, or `None` if
/// that depends on its first bytes.
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

/// Number of layers that are recalled concurrently, at a request or two each.
const RECALLED: usize = 16;

/// Indexes layers.
pub(super) struct Indexer<'a, S: ?Sized, D: ?Sized, K: ?Sized, P: ?Sized> {
    pub source: &'a S,
    pub destination: &'a D,
    pub options: &'a Options,
    pub known: &'a K,
    pub progress: &'a P,
}

/// A layer that may have a zTOC.
struct Candidate {
    layer: Descriptor,
    compression: Option<Compression>,
}

impl<S, D, K, P> Indexer<'_, S, D, K, P>
where
    S: BlobSource + ?Sized,
    D: Destination + ?Sized,
    K: Knowledge + ?Sized,
    P: Progress + ?Sized,
{
    /// Builds and stores the zTOC of every layer that can have one and is not already known.
    pub(super) async fn layers(&self, image: &Image) -> Result<(Layers, Reused)> {
        let mut layers = Layers::new();
        let mut seen = HashSet::new();
        let mut candidates = Vec::new();
        for entry in &image.entries {
            let manifest = match &entry.kind {
                Kind::Image { manifest, platform } if self.options.wants(platform) => manifest,
                _ => continue,
            };
            for layer in &manifest.layers {
                let key = LayerKey::of(layer);
                if !seen.insert(key.clone()) {
                    continue;
                }
                match select(layer, self.options) {
                    Ok(compression) => candidates.push(Candidate {
                        layer: layer.clone(),
                        compression,
                    }),
                    Err(reason) => {
                        layers.insert(key, Layer::Skipped(reason));
                    }
                }
            }
        }
        let recalled = stream::iter(candidates)
            .map(|candidate| async move {
                let layer = self.recall(&candidate.layer).await?;
                Ok::<_, Error>((candidate, layer))
            })
            .buffered(RECALLED)
            .try_collect::<Vec<_>>()
            .await?;
        let mut reused = Reused::default();
        let mut unknown = Vec::new();
        for (candidate, layer) in recalled {
            match layer {
                None => unknown.push(candidate),
                Some(layer) => {
                    self.progress.layer_reused(&candidate.layer);
                    reused.layers += 1;
                    reused.bytes = reused.bytes.saturating_add(candidate.layer.size);
                    layers.insert(LayerKey::of(&candidate.layer), layer);
                }
            }
        }
        let indexed = stream::iter(unknown)
            .map(|candidate| async move {
                let layer = self.index(&candidate).await?;
                Ok::<_, Error>((LayerKey::of(&candidate.layer), layer))
            })
            .buffer_unordered(self.options.concurrency.max(1))
            .try_collect::<Vec<_>>()
            .await?;
        layers.extend(indexed);
        Ok((layers, reused))
    }

    /// Returns the earlier result for a layer, if it still holds.
    async fn recall(&self, layer: &Descriptor) -> Result<Option<Layer>> {
        let key = KnownKey::of(layer, self.options);
        Ok(match self.known.recall(&key).await {
            None => None,
            Some(KnownLayer::Skipped(reason)) => Some(Layer::Skipped(earlier_reason(&reason))),
            Some(KnownLayer::Indexed(ztoc)) => {
                let stands =
                    ztoc.fits(self.options) && self.destination.has_blob(ztoc.digest).await?;
                stands.then(|| Layer::indexed(layer, &ztoc, true))
            }
        })
    }

    async fn index(&self, candidate: &Candidate) -> Result<Layer> {
        let Candidate { layer, .. } = candidate;
        let outcome = match self.build(candidate).await {
            // A foreign layer may be stored elsewhere only.
            Err(error) if error.is_not_found() && !layer.urls.is_empty() => {
                Err(SkipReason::Foreign)
            }
            built => built?,
        };
        let key = KnownKey::of(layer, self.options);
        match outcome {
            Err(reason) => {
                if let Some(known) = of_skipped(&reason) {
                    self.known.learn(&key, &known).await;
                }
                self.progress.layer_finished(layer, Some(&reason));
                Ok(Layer::Skipped(reason))
            }
            Ok(ztoc) => {
                let known = KnownZtoc::of(&ztoc);
                let pieces = ztoc.pieces.clone();
                self.destination.push_blob(ztoc.digest, pieces).await?;
                // Others may be waiting for its memory.
                drop(ztoc);
                let indexed = Layer::indexed(layer, &known, false);
                self.known.learn(&key, &KnownLayer::Indexed(known)).await;
                self.progress.layer_finished(layer, None);
                Ok(indexed)
            }
        }
    }

    /// Reads a layer, and reads it again alone if others hold the memory that it needs.
    async fn build(&self, candidate: &Candidate) -> Result<Result<BuiltZtoc, SkipReason>> {
        let Candidate { layer, compression } = candidate;
        let options = self.options.ztoc.clone();
        let options = options.with_single_member(!self.options.multi_member_layers);
        let memory = &self.options.ztoc.memory;
        let mut share = memory.turn(weight::LAYER).await;
        self.progress.layer_started(layer);
        loop {
            let options = options.clone();
            let built = build_ztoc(
                self.source,
                layer,
                *compression,
                options,
                share,
                self.progress,
            );
            match built.await? {
                Outcome::Built(ztoc) => return Ok(Ok(ztoc)),
                Outcome::Skipped(reason) => return Ok(Err(reason)),
                Outcome::Postponed => {
                    self.progress.layer_postponed(layer);
                    share = memory.alone().await;
                }
            }
        }
    }
}

impl Layer {
    /// Describes a layer whose zTOC is stored.
    pub(super) fn indexed(layer: &Descriptor, ztoc: &KnownZtoc, reused: bool) -> Self {
        let prefetch = ztoc.prefetch.iter();
        Self::Indexed {
            report: ztoc.report(layer.digest, reused),
            needs_xattrs: ztoc.needs_xattrs,
            prefetch: prefetch
                .map(|spans| spans.map(|(start, end)| start..=end))
                .collect(),
        }
    }
}
