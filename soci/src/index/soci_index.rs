//! Making the SOCI index of one image manifest out of its layers' zTOCs.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;

use crate::build::{EMPTY_CONFIG, Options, Version};
use crate::image::Entry;
use crate::oci::{Annotations, Descriptor, Manifest, Platform, annotation, media_type};
use crate::report::{IndexReport, SkippedReport, ZtocReport};
use crate::store::Document;
use crate::ztoc::SkipReason;
use crate::{Digest, Result};

/// What became of a layer, its zTOC's bytes being stored already.
#[derive(Clone)]
pub(crate) enum Layer {
    Indexed {
        report: ZtocReport,
        needs_xattrs: bool,
        prefetch: Vec<Option<(usize, usize)>>,
    },
    Skipped(SkipReason),
}

/// What makes two layers of an image the same work.
pub(crate) type Key = (Digest, u64, String);

pub(crate) fn key(layer: &Descriptor) -> Key {
    (layer.digest, layer.size, layer.media_type.clone())
}

/// What one image manifest gets.
pub(crate) struct Assembled {
    /// Its SOCI index, if it has any zTOC.
    pub index: Option<Document>,
    /// What to report.
    pub line: IndexReport,
    /// The prefetch artifacts of the index, to be stored before it.
    pub prefetch: Vec<(Descriptor, Bytes)>,
}

/// Makes the SOCI index of one image manifest.
pub(crate) fn assemble(
    entry: &Entry,
    manifest: &Manifest,
    platform: &Platform,
    layers: &HashMap<Key, Layer>,
    options: &Options,
) -> Result<Assembled> {
    let mut report = IndexReport {
        platform: platform.to_string(),
        manifest: entry.descriptor.digest,
        digest: None,
        size: 0,
        ztocs: Vec::new(),
        skipped: Vec::new(),
        not_prefetched: Vec::new(),
    };
    let mut ztocs = Vec::new();
    for layer in &manifest.layers {
        match &layers[&key(layer)] {
            Layer::Skipped(reason) => report.skipped.push(SkippedReport {
                layer: layer.digest,
                reason: reason.to_string(),
            }),
            Layer::Indexed {
                report: ztoc,
                needs_xattrs,
                ..
            } => {
                let disable_xattrs = options.optimize_xattrs && !needs_xattrs;
                let span_size = options.ztoc.span_size;
                ztocs.push(ztoc_descriptor(ztoc, layer, span_size, disable_xattrs));
                report.ztocs.push(ztoc.clone());
            }
        }
    }
    if ztocs.is_empty() {
        return Ok(Assembled {
            index: None,
            line: report,
            prefetch: Vec::new(),
        });
    }
    let wanted = &options.ztoc.prefetch_files;
    let prefetch = prefetch_artifacts(manifest, layers, wanted, &mut report.not_prefetched)?;
    for (descriptor, _) in &prefetch {
        ztocs.push(descriptor.clone());
    }
    let mut annotations = Annotations::new();
    annotations.insert(
        annotation::BUILD_TOOL.to_owned(),
        options.ztoc.build_tool.clone(),
    );
    let subject = (options.version == Version::V1).then(|| {
        let mut subject = Descriptor::of(&entry.descriptor.media_type, b"");
        subject.digest = entry.descriptor.digest;
        subject.size = entry.descriptor.size;
        subject
    });
    let index = Manifest {
        schema_version: 2,
        media_type: Some(media_type::OCI_MANIFEST.to_owned()),
        artifact_type: None,
        config: Descriptor::of(options.version.artifact_type(), EMPTY_CONFIG),
        layers: ztocs,
        subject,
        annotations: annotations.clone(),
    };
    let mut document = Document::of(media_type::OCI_MANIFEST, &index)?;
    // Where clients list referrers themselves, the list says what each of them is.
    document.descriptor.artifact_type = Some(options.version.artifact_type().to_owned());
    document.descriptor.annotations = annotations;
    report.digest = Some(document.descriptor.digest);
    report.size = document.descriptor.size;
    Ok(Assembled {
        index: Some(document),
        line: report,
        prefetch,
    })
}

#[derive(Serialize)]
struct Prefetch {
    version: &'static str,
    prefetch_spans: Vec<PrefetchSpans>,
}

#[derive(Serialize)]
struct PrefetchSpans {
    start_span: usize,
    end_span: usize,
}

/// For each layer that holds wanted files, the list of their spans. A file is looked for in
/// the topmost indexed layer that has it, which is the one that is mounted.
fn prefetch_artifacts(
    manifest: &Manifest,
    layers: &HashMap<Key, Layer>,
    wanted: &[String],
    missing: &mut Vec<String>,
) -> Result<Vec<(Descriptor, Bytes)>> {
    let mut spans: Vec<Vec<(usize, usize)>> = vec![Vec::new(); manifest.layers.len()];
    for (file, path) in wanted.iter().enumerate() {
        let mut found = manifest
            .layers
            .iter()
            .enumerate()
            .rev()
            .filter_map(|(at, layer)| match &layers[&key(layer)] {
                Layer::Indexed { prefetch, .. } => Some((at, prefetch[file]?)),
                Layer::Skipped(_) => None,
            });
        match found.next() {
            Some((at, found)) => spans[at].push(found),
            None => missing.push(path.clone()),
        }
    }
    let mut artifacts = Vec::new();
    for (mut spans, layer) in spans.into_iter().zip(&manifest.layers) {
        if spans.is_empty() {
            continue;
        }
        spans.sort_unstable();
        let mut merged: Vec<PrefetchSpans> = Vec::new();
        for (start_span, end_span) in spans {
            match merged.last_mut() {
                Some(last) if start_span <= last.end_span + 1 => {
                    last.end_span = last.end_span.max(end_span);
                }
                _ => merged.push(PrefetchSpans {
                    start_span,
                    end_span,
                }),
            }
        }
        let content = Prefetch {
            version: "1.0",
            prefetch_spans: merged,
        };
        let mut document = Document::of(media_type::PREFETCH, &content)?;
        let key = annotation::LAYER_DIGEST.to_owned();
        let annotations = &mut document.descriptor.annotations;
        annotations.insert(key, layer.digest.to_string());
        artifacts.push((document.descriptor, document.bytes));
    }
    Ok(artifacts)
}

fn ztoc_descriptor(
    ztoc: &ZtocReport,
    layer: &Descriptor,
    span_size: u64,
    disable_xattrs: bool,
) -> Descriptor {
    let mut descriptor = Descriptor::of(media_type::ZTOC, b"");
    descriptor.digest = ztoc.digest;
    descriptor.size = ztoc.size;
    let mut annotate = |key: &str, value: String| {
        descriptor.annotations.insert(key.to_owned(), value);
    };
    annotate(annotation::LAYER_DIGEST, layer.digest.to_string());
    annotate(annotation::LAYER_MEDIA_TYPE, layer.media_type.clone());
    annotate(annotation::SPAN_SIZE, span_size.to_string());
    if disable_xattrs {
        annotate(annotation::DISABLE_XATTRS, "true".to_owned());
    }
    descriptor
}
