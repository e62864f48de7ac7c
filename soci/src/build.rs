//! Building the indexes of an image and publishing them.
//!
//! Things are stored in the order that keeps every moment consistent for a reader: zTOCs as
//! soon as each is done, then SOCI indexes, then (V2) the rewritten manifests and the image
//! index, then the tag. Whatever stops the work in between leaves blobs that nothing refers
//! to, and no document that refers to nothing.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::image::{Entry, Image, Kind};
use crate::layer::{Format, build_ztoc};
use crate::oci::{Annotations, Descriptor, ImageIndex, Manifest, Platform, annotation, media_type};
use crate::store::{Destination, Document, Source};
use crate::ztoc::{Limits, Outcome, SkipReason};
use crate::{Digest, Error, Result, json};

/// The content of every SOCI index's configuration.
const EMPTY_CONFIG: &[u8] = b"{}";

/// How an index is tied to its image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// The index refers to the image (a referrer). The image stays as it is.
    V1,
    /// A new image index carries annotated manifests and the SOCI indexes side by side.
    #[default]
    V2,
}

impl Version {
    /// The name, `V1` or `V2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "V1",
            Self::V2 => "V2",
        }
    }

    fn artifact_type(self) -> &'static str {
        match self {
            Self::V1 => media_type::SOCI_INDEX_V1,
            Self::V2 => media_type::SOCI_INDEX_V2,
        }
    }
}

/// What to build.
#[derive(Debug, Clone)]
pub struct Options {
    /// Version of the index.
    pub version: Version,
    /// How zTOCs are built.
    pub ztoc: Limits,
    /// Layers smaller than this many compressed bytes get no zTOC.
    pub min_layer_size: u64,
    /// Say which layers can be mounted without extended attributes.
    pub optimize_xattrs: bool,
    /// How many layers are read at the same time; at least 1.
    pub concurrency: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: Version::default(),
            ztoc: Limits::default(),
            min_layer_size: 10 << 20,
            optimize_xattrs: false,
            concurrency: 4,
        }
    }
}

/// Is told what happens while an image is indexed.
pub trait Observer: Send + Sync {
    /// A layer is about to be read.
    fn layer_started(&self, layer: &Descriptor) {
        let _ = layer;
    }

    /// So many more bytes of a layer were read.
    fn layer_read(&self, layer: &Descriptor, bytes: u64) {
        let _ = (layer, bytes);
    }

    /// A layer has its zTOC, or was skipped for a reason.
    fn layer_finished(&self, layer: &Descriptor, skipped: Option<&SkipReason>) {
        let _ = (layer, skipped);
    }
}

/// Looks away.
impl Observer for () {}

/// What was built and published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `V1` or `V2`.
    pub version: &'static str,
    /// The image.
    pub source: SourceReport,
    /// V2: the digest of the SOCI-enabled image. Nothing if no layer got a zTOC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// One per platform that has layers to index.
    pub indexes: Vec<IndexReport>,
}

impl Report {
    /// Whether anything was indexed at all.
    pub fn is_empty(&self) -> bool {
        self.indexes.iter().all(|index| index.digest.is_none())
    }
}

/// The image that was indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// Digest of its manifest or index.
    pub digest: Digest,
    /// Media type of its manifest or index.
    pub media_type: String,
}

/// The index of one platform's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexReport {
    /// The platform, e.g. `linux/arm64`.
    pub platform: String,
    /// Digest of the image manifest; for V2, of the rewritten one.
    pub manifest: Digest,
    /// Digest of the SOCI index; nothing if no layer got a zTOC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Size of the SOCI index in bytes.
    pub size: u64,
    /// The zTOCs, in the order of the layers.
    pub ztocs: Vec<ZtocReport>,
    /// The layers without one.
    pub skipped: Vec<SkippedReport>,
}

/// One layer's zTOC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ZtocReport {
    /// Digest of the layer.
    pub layer: Digest,
    /// Digest of the zTOC.
    pub digest: Digest,
    /// Size of the zTOC in bytes.
    pub size: u64,
    /// How many files the layer has.
    pub files: usize,
    /// How many spans the layer was cut into.
    pub spans: usize,
}

/// A layer without a zTOC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedReport {
    /// Digest of the layer.
    pub layer: Digest,
    /// Why.
    pub reason: String,
}

/// What became of a layer, its zTOC's bytes being stored already.
#[derive(Clone)]
enum Layer {
    Indexed {
        report: ZtocReport,
        needs_xattrs: bool,
    },
    Skipped(SkipReason),
}

/// Builds the indexes of an image and stores them beside it.
///
/// V2 also stores the SOCI-enabled image, and names it with `tag` if there is one. An image
/// of which no layer gets a zTOC is no error: the report says so and nothing is tagged.
///
/// # Errors
/// When the image cannot be read or is not what its digests say, or the destination refuses.
pub async fn build(
    source: &(impl Source + ?Sized),
    destination: &(impl Destination + ?Sized),
    tag: Option<&str>,
    options: &Options,
    observer: &(impl Observer + ?Sized),
) -> Result<Report> {
    let image = Image::read(source).await?;
    let layers = build_layers(source, destination, &image, options, observer).await?;
    let mut report = Report {
        version: options.version.name(),
        source: SourceReport {
            digest: image.root.descriptor.digest,
            media_type: image.root.descriptor.media_type.clone(),
        },
        digest: None,
        indexes: Vec::new(),
    };
    let mut indexes = Vec::new();
    for entry in &image.entries {
        let index = match &entry.kind {
            Kind::Image { manifest, platform } => {
                let (index, entry) = assemble(entry, manifest, platform, &layers, options)?;
                report.indexes.push(entry);
                index
            }
            _ => None,
        };
        indexes.push(index);
    }
    if report.is_empty() {
        return Ok(report);
    }
    let config = Bytes::from_static(EMPTY_CONFIG);
    destination
        .push_blob(Digest::of(EMPTY_CONFIG), config)
        .await?;
    match options.version {
        Version::V1 => {
            for (entry, index) in image.entries.iter().zip(&indexes) {
                if let Some(index) = index {
                    destination.push_referrer(index, &entry.descriptor).await?;
                }
            }
        }
        Version::V2 => {
            let enabled = enable(&image, &indexes)?;
            for line in &mut report.indexes {
                line.manifest = enabled.renamed[&line.manifest];
            }
            for index in indexes.iter().flatten() {
                destination.push_manifest(index).await?;
            }
            for manifest in &enabled.manifests {
                destination.push_manifest(manifest).await?;
            }
            destination.push_manifest(&enabled.root).await?;
            if let Some(tag) = tag {
                destination.tag(&enabled.root, tag).await?;
            }
            report.digest = Some(enabled.root.descriptor.digest);
        }
    }
    Ok(report)
}

/// Builds the zTOC of every layer that can have one, each layer once.
async fn build_layers(
    source: &(impl Source + ?Sized),
    destination: &(impl Destination + ?Sized),
    image: &Image,
    options: &Options,
    observer: &(impl Observer + ?Sized),
) -> Result<HashMap<Key, Layer>> {
    let mut layers = HashMap::new();
    let mut wanted = Vec::new();
    for entry in &image.entries {
        let Kind::Image { manifest, .. } = &entry.kind else {
            continue;
        };
        for layer in &manifest.layers {
            let key = key(layer);
            if layers.contains_key(&key) {
                continue;
            }
            let skipped = match Format::of(&layer.media_type) {
                Err(reason) => Some(reason),
                Ok(_) if layer.size < options.min_layer_size => {
                    Some(SkipReason::new(format_args!(
                        "its {} bytes are fewer than the minimum layer size of {}",
                        layer.size, options.min_layer_size
                    )))
                }
                Ok(format) => {
                    wanted.push((key.clone(), layer, format));
                    None
                }
            };
            let skipped = skipped.unwrap_or_else(|| SkipReason::new("it was not read"));
            layers.insert(key, Layer::Skipped(skipped));
        }
    }
    let built = stream::iter(wanted)
        .map(|(key, layer, format)| async move {
            observer.layer_started(layer);
            let outcome = build_ztoc(source, layer, format, options.ztoc.clone(), observer).await?;
            let result = match outcome {
                Outcome::Skipped(reason) => {
                    observer.layer_finished(layer, Some(&reason));
                    Layer::Skipped(reason)
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
                    observer.layer_finished(layer, None);
                    Layer::Indexed {
                        report,
                        needs_xattrs: ztoc.needs_xattrs,
                    }
                }
            };
            Ok::<_, Error>((key, result))
        })
        .buffer_unordered(options.concurrency.max(1))
        .try_collect::<Vec<_>>()
        .await?;
    layers.extend(built);
    Ok(layers)
}

/// What makes two layers of an image the same work.
type Key = (Digest, String);

fn key(layer: &Descriptor) -> Key {
    (layer.digest, layer.media_type.clone())
}

/// The SOCI index of one image manifest, if it has any zTOC.
fn assemble(
    entry: &Entry,
    manifest: &Manifest,
    platform: &Platform,
    layers: &HashMap<Key, Layer>,
    options: &Options,
) -> Result<(Option<Document>, IndexReport)> {
    let mut report = IndexReport {
        platform: platform.to_string(),
        manifest: entry.descriptor.digest,
        digest: None,
        size: 0,
        ztocs: Vec::new(),
        skipped: Vec::new(),
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
            } => {
                let disable_xattrs = options.optimize_xattrs && !needs_xattrs;
                let span_size = options.ztoc.span_size;
                ztocs.push(ztoc_descriptor(ztoc, layer, span_size, disable_xattrs));
                report.ztocs.push(ztoc.clone());
            }
        }
    }
    if ztocs.is_empty() {
        return Ok((None, report));
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
    let mut document = document(media_type::OCI_MANIFEST, &index)?;
    // Where clients list referrers themselves, the list says what each of them is.
    document.descriptor.artifact_type = Some(options.version.artifact_type().to_owned());
    document.descriptor.annotations = annotations;
    report.digest = Some(document.descriptor.digest);
    report.size = document.descriptor.size;
    Ok((Some(document), report))
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

/// A SOCI-enabled image.
struct Enabled {
    root: Document,
    /// The rewritten manifests.
    manifests: Vec<Document>,
    /// The digests that they had, to those that they have.
    renamed: HashMap<Digest, Digest>,
}

/// Rewrites an image so that it carries its SOCI indexes.
fn enable(image: &Image, indexes: &[Option<Document>]) -> Result<Enabled> {
    let mut manifests = Vec::new();
    let mut entries = Vec::new();
    let mut appended = Vec::new();
    let mut renamed = HashMap::new();
    for (entry, index) in image.entries.iter().zip(indexes) {
        let (manifest, platform) = match &entry.kind {
            Kind::SociIndex => continue,
            Kind::Other => {
                entries.push(entry.descriptor.clone());
                continue;
            }
            Kind::Image { manifest, platform } => (manifest, Some(platform)),
            Kind::Attestation(manifest) => (manifest, entry.descriptor.platform.as_ref()),
        };
        let rewritten = rewrite(manifest, index.as_ref())?;
        let descriptor = redescribe(&entry.descriptor, &rewritten, manifest, platform);
        renamed.insert(entry.descriptor.digest, descriptor.digest);
        if let Some(index) = index {
            appended.push(beside(index, descriptor.digest, platform));
        }
        entries.push(descriptor);
        manifests.push(rewritten);
    }
    // Attestations name the manifests they speak of.
    for entry in &mut entries {
        if let Some(subject) = entry.annotations.get_mut(annotation::ATTESTATION_SUBJECT)
            && let Ok(old) = subject.parse::<Digest>()
            && let Some(new) = renamed.get(&old)
        {
            *subject = new.to_string();
        }
    }
    entries.append(&mut appended);
    let mut root = ImageIndex::of(entries);
    if let Some(index) = &image.index {
        root.artifact_type.clone_from(&index.artifact_type);
        root.subject.clone_from(&index.subject);
        root.annotations.clone_from(&index.annotations);
    }
    Ok(Enabled {
        root: document(media_type::OCI_INDEX, &root)?,
        manifests,
        renamed,
    })
}

/// An image manifest in OCI's form, pointing at its SOCI index.
fn rewrite(manifest: &Manifest, index: Option<&Document>) -> Result<Document> {
    let mut manifest = manifest.clone();
    manifest.media_type = Some(media_type::OCI_MANIFEST.to_owned());
    media_type::OCI_CONFIG.clone_into(&mut manifest.config.media_type);
    manifest.annotations.remove(annotation::INDEX_DIGEST);
    if let Some(index) = index {
        let key = annotation::INDEX_DIGEST.to_owned();
        let digest = index.descriptor.digest.to_string();
        manifest.annotations.insert(key, digest);
    }
    let mut document = document(media_type::OCI_MANIFEST, &manifest)?;
    document.descriptor.annotations = manifest.annotations;
    Ok(document)
}

/// The descriptor of a rewritten manifest: what the old one said, as far as it still holds.
fn redescribe(
    old: &Descriptor,
    rewritten: &Document,
    manifest: &Manifest,
    platform: Option<&Platform>,
) -> Descriptor {
    let mut descriptor = old.clone();
    descriptor.annotations.remove(annotation::INDEX_DIGEST);
    descriptor
        .annotations
        .extend(rewritten.descriptor.annotations.clone());
    descriptor
        .media_type
        .clone_from(&rewritten.descriptor.media_type);
    descriptor.digest = rewritten.descriptor.digest;
    descriptor.size = rewritten.descriptor.size;
    descriptor.platform = platform.cloned();
    descriptor.artifact_type.clone_from(&manifest.artifact_type);
    descriptor.data = None;
    descriptor
}

/// The descriptor of a SOCI index beside its image manifest.
fn beside(index: &Document, manifest: Digest, platform: Option<&Platform>) -> Descriptor {
    let mut descriptor = index.descriptor.clone();
    descriptor.annotations = Annotations::new();
    let key = annotation::IMAGE_MANIFEST_DIGEST.to_owned();
    descriptor.annotations.insert(key, manifest.to_string());
    descriptor.platform = platform.cloned();
    descriptor
}

fn document<T: Serialize>(media_type: &str, value: &T) -> Result<Document> {
    let bytes = json::to_vec(value).map_err(|error| Error::document(media_type, error))?;
    Ok(Document::new(media_type, bytes))
}
