//! The SOCI index of an image manifest, assembled from its layers' zTOCs.

use super::layers::{Layer, LayerKey, Layers};
use super::options::Options;
use super::prefetch::{PrefetchArtifact, prefetch};
use super::report::{IndexReport, SkippedReport, ZtocReport};
use crate::error::Result;
use crate::oci::{
    Annotations, Descriptor, EMPTY_JSON, ImageManifest, Manifest, Platform, annotation, media_type,
};
use crate::version::Version;

/// The SOCI index, report and prefetch artifacts of an image manifest.
pub(super) struct Assembled {
    /// Its SOCI index, if any layer has a zTOC.
    pub index: Option<Manifest>,
    pub report: IndexReport,
    /// The prefetch artifacts of the index, to be stored before it.
    pub prefetch: Vec<PrefetchArtifact>,
}

/// Assembles the SOCI index of an image manifest, which `descriptor` describes.
pub(super) fn assemble(
    descriptor: &Descriptor,
    manifest: &ImageManifest,
    platform: &Platform,
    layers: &Layers,
    options: &Options,
) -> Result<Assembled> {
    let mut report = IndexReport {
        platform: platform.to_string(),
        manifest: descriptor.digest,
        digest: None,
        size: 0,
        ztocs: Vec::new(),
        skipped: Vec::new(),
        not_prefetched: Vec::new(),
    };
    let mut listed = Vec::new();
    for layer in &manifest.layers {
        match &layers[&LayerKey::of(layer)] {
            Layer::Skipped(reason) => report.skipped.push(SkippedReport {
                layer: layer.digest,
                reason: reason.clone(),
            }),
            Layer::Indexed {
                report: ztoc,
                needs_xattrs,
                ..
            } => {
                let disable_xattrs = options.optimize_xattrs && !needs_xattrs;
                let span_size = options.ztoc.span_size;
                listed.push(describe_ztoc(ztoc, layer, span_size, disable_xattrs));
                report.ztocs.push(ztoc.clone());
            }
        }
    }
    if listed.is_empty() {
        return Ok(Assembled {
            index: None,
            report,
            prefetch: Vec::new(),
        });
    }
    let prefetch = prefetch(manifest, layers, &options.ztoc.prefetch_files)?;
    report.not_prefetched = prefetch.missing;
    let artifacts = prefetch.artifacts;
    listed.extend(artifacts.iter().map(|artifact| artifact.descriptor.clone()));
    let mut annotations = Annotations::new();
    let build_tool = options.ztoc.build_tool.clone();
    annotations.insert(annotation::BUILD_TOOL.to_owned(), build_tool);
    let artifact_type = options.version.artifact_type();
    let subject = Descriptor::new(&descriptor.media_type, descriptor.digest, descriptor.size);
    let index = ImageManifest {
        schema_version: 2,
        media_type: Some(media_type::OCI_MANIFEST.to_owned()),
        artifact_type: None,
        config: Descriptor::of(artifact_type, EMPTY_JSON),
        layers: listed,
        subject: (options.version == Version::V1).then_some(subject),
        annotations: annotations.clone(),
    };
    let mut index = Manifest::of(media_type::OCI_MANIFEST, &index)?;
    // A list of referrers that clients maintain repeats the type and annotations of each referrer.
    index.descriptor.artifact_type = Some(artifact_type.to_owned());
    index.descriptor.annotations = annotations;
    report.digest = Some(index.descriptor.digest);
    report.size = index.descriptor.size;
    Ok(Assembled {
        index: Some(index),
        report,
        prefetch: artifacts,
    })
}

fn describe_ztoc(
    ztoc: &ZtocReport,
    layer: &Descriptor,
    span_size: u64,
    disable_xattrs: bool,
) -> Descriptor {
    let mut descriptor = Descriptor::new(media_type::ZTOC, ztoc.digest, ztoc.size);
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
