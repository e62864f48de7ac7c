//! Prefetch artifacts: lists of the spans that hold wanted files.

use std::ops::RangeInclusive;

use bytes::Bytes;
use serde::Serialize;

use super::layers::{Layer, LayerKey, Layers};
use crate::error::Result;
use crate::oci::{Descriptor, ImageManifest, annotation, json, media_type};

/// A prefetch artifact, to be stored as a blob.
pub(super) struct PrefetchArtifact {
    pub descriptor: Descriptor,
    pub bytes: Bytes,
}

/// The artifacts of an image manifest, one for each layer that holds wanted files.
pub(super) struct Prefetch {
    pub artifacts: Vec<PrefetchArtifact>,
    /// Wanted files that are in no indexed layer, or empty.
    pub missing: Vec<String>,
}

#[derive(Serialize)]
struct Content {
    version: &'static str,
    prefetch_spans: Vec<Spans>,
}

#[derive(Serialize)]
struct Spans {
    start_span: usize,
    end_span: usize,
}

/// Lists the spans of the `wanted` files. Each file is read from the topmost indexed layer that has
/// it, which is the one that is mounted.
pub(super) fn prefetch(
    manifest: &ImageManifest,
    layers: &Layers,
    wanted: &[String],
) -> Result<Prefetch> {
    let mut missing = Vec::new();
    let mut spans: Vec<Vec<RangeInclusive<usize>>> = vec![Vec::new(); manifest.layers.len()];
    for (file, path) in wanted.iter().enumerate() {
        let topmost_first = manifest.layers.iter().zip(&mut spans).rev();
        let mut found =
            topmost_first.filter_map(|(layer, spans)| match &layers[&LayerKey::of(layer)] {
                Layer::Indexed { prefetch, .. } => Some((spans, prefetch[file].clone()?)),
                Layer::Skipped(_) => None,
            });
        match found.next() {
            Some((spans, found)) => spans.push(found),
            None => missing.push(path.clone()),
        }
    }
    let mut artifacts = Vec::new();
    for (spans, layer) in spans.into_iter().zip(&manifest.layers) {
        if spans.is_empty() {
            continue;
        }
        let content = Content {
            version: "1.0",
            prefetch_spans: merge(spans),
        };
        let bytes = json::to_vec(media_type::PREFETCH, &content)?;
        let mut descriptor = Descriptor::of(media_type::PREFETCH, &bytes);
        let key = annotation::LAYER_DIGEST.to_owned();
        descriptor.annotations.insert(key, layer.digest.to_string());
        artifacts.push(PrefetchArtifact {
            descriptor,
            bytes: bytes.into(),
        });
    }
    Ok(Prefetch { artifacts, missing })
}

/// Sorts spans, and merges those that overlap or adjoin.
fn merge(mut spans: Vec<RangeInclusive<usize>>) -> Vec<Spans> {
    spans.sort_unstable_by_key(|spans| (*spans.start(), *spans.end()));
    let mut merged: Vec<Spans> = Vec::new();
    for spans in spans {
        let (start_span, end_span) = spans.into_inner();
        match merged.last_mut() {
            Some(last) if start_span <= last.end_span + 1 => {
                last.end_span = last.end_span.max(end_span);
            }
            _ => merged.push(Spans {
                start_span,
                end_span,
            }),
        }
    }
    merged
}
