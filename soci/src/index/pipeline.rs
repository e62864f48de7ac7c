//! Building the indexes of an image and publishing them.
//!
//! Things are stored in the order that keeps every moment consistent for a reader: zTOCs as
//! soon as each is done, then SOCI indexes, then (V2) the rewritten manifests and the image
//! index, then the tag. Whatever stops the work in between leaves blobs that nothing refers
//! to, and no document that refers to nothing.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use crate::assemble::{Key, Layer, assemble, key};
use crate::enable::{Enabled, enable};
use crate::image::{Image, Kind, MAX_MANIFESTS};
use crate::layer::{Format, build_ztoc};
use crate::oci::{Descriptor, Platform, media_type};
use crate::report::{Report, SourceReport, ZtocReport};
use crate::store::{Destination, Document, Source};
use crate::ztoc::{Limits, Outcome, SkipReason};
use crate::{Digest, Error, Result};

/// The content of every SOCI index's configuration.
pub(crate) const EMPTY_CONFIG: &[u8] = b"{}";

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

    pub(crate) fn artifact_type(self) -> &'static str {
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
    /// The platforms to index; all if empty.
    pub platforms: Vec<Platform>,
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
            platforms: Vec::new(),
            optimize_xattrs: false,
            concurrency: 4,
        }
    }
}

impl Options {
    pub(crate) fn wants(&self, platform: &Platform) -> bool {
        let mut wanted = self.platforms.iter();
        self.platforms.is_empty() || wanted.any(|wanted| platform.matches(wanted))
    }
}

/// A platform that was asked for must be there: it may be misspelt.
fn check_platforms(image: &Image, wanted: &[Platform]) -> Result<()> {
    let has: Vec<&Platform> = image
        .entries
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Image { platform, .. } => Some(platform),
            _ => None,
        })
        .collect();
    match wanted
        .iter()
        .find(|wanted| !has.iter().any(|has| has.matches(wanted)))
    {
        None => Ok(()),
        Some(missing) => {
            let has: Vec<String> = has.iter().map(ToString::to_string).collect();
            Err(Error::NoSuchPlatform {
                image: image.root.descriptor.digest,
                wanted: missing.to_string(),
                found: has.join(", "),
            })
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

/// An image's indexes, built but not published: the zTOCs are stored, and nothing refers to
/// them yet.
#[derive(Debug)]
pub struct Indexed {
    report: Report,
    /// The SOCI indexes with the image manifests they belong to.
    indexes: Vec<(Document, Descriptor)>,
    enabled: Option<Enabled>,
    /// What the image has besides: its blobs, and the manifests that are kept as they are.
    content: Vec<Descriptor>,
    kept: Vec<Descriptor>,
}

/// Reads an image, builds its indexes and stores their zTOCs.
///
/// Dropping the future stops the work; what it leaves are blobs that nothing refers to.
///
/// # Errors
/// When the image cannot be read or is not what its digests say, or the destination refuses.
pub async fn index(
    source: &(impl Source + ?Sized),
    destination: &(impl Destination + ?Sized),
    options: &Options,
    observer: &(impl Observer + ?Sized),
) -> Result<Indexed> {
    let image = Image::read(source).await?;
    check_platforms(&image, &options.platforms)?;
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
            Kind::Image { manifest, platform } if options.wants(platform) => {
                let made = assemble(entry, manifest, platform, &layers, options)?;
                for (descriptor, bytes) in made.prefetch {
                    destination.push_blob(descriptor.digest, bytes).await?;
                }
                report.indexes.push(made.line);
                made.index
            }
            _ => None,
        };
        indexes.push(index);
    }
    let enabled = if options.version == Version::V2 && !report.is_empty() {
        let enabled = enable(&image, &indexes)?;
        for line in &mut report.indexes {
            line.manifest = enabled.renamed[&line.manifest];
        }
        report.digest = Some(enabled.root.descriptor.digest);
        Some(enabled)
    } else {
        None
    };
    let (mut content, mut kept) = (Vec::new(), Vec::new());
    for entry in &image.entries {
        match &entry.kind {
            Kind::Image { manifest, .. } | Kind::Attestation(manifest) => {
                content.push(manifest.config.clone());
                content.extend(manifest.layers.iter().cloned());
            }
            Kind::Other => kept.push(entry.descriptor.clone()),
            Kind::SociIndex => {}
        }
    }
    let manifests = image.entries.into_iter().map(|entry| entry.descriptor);
    let indexes = indexes.into_iter().zip(manifests);
    Ok(Indexed {
        report,
        indexes: indexes
            .filter_map(|(index, manifest)| Some((index?, manifest)))
            .collect(),
        enabled,
        content,
        kept,
    })
}

impl Indexed {
    /// What was built.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The manifests and indexes that publishing stores; the SOCI-enabled image (V2) last.
    pub fn documents(&self) -> Vec<Digest> {
        let indexes = self.indexes.iter().map(|(index, _)| index);
        let enabled = self.enabled.iter();
        let enabled = enabled.flat_map(|e| e.manifests.iter().chain([&e.root]));
        let documents = indexes.chain(enabled);
        documents
            .map(|document| document.descriptor.digest)
            .collect()
    }

    /// Copies the blobs of the image that the destination lacks: for a destination that is not
    /// where the image is.
    ///
    /// # Errors
    /// When the image cannot be read or the destination refuses.
    pub async fn copy_content(
        &self,
        source: &(impl Source + ?Sized),
        destination: &(impl Destination + ?Sized),
    ) -> Result<()> {
        copy_blobs(source, destination, &self.content).await?;
        // What an index lists is stored before the index.
        let mut kept = Vec::new();
        let mut found: Vec<(Descriptor, usize)> =
            self.kept.iter().map(|kept| (kept.clone(), 0)).collect();
        while let Some((descriptor, depth)) = found.pop() {
            let bytes = source.manifest(&descriptor).await?;
            let document = Document { descriptor, bytes };
            let parsed: Listed = document.parse()?;
            if depth == MAX_DEPTH || kept.len() == MAX_MANIFESTS {
                let reason = "indexes in indexes without end";
                return Err(Error::document(document.descriptor.digest, reason));
            }
            let blobs: Vec<_> = parsed.config.into_iter().chain(parsed.layers).collect();
            copy_blobs(source, destination, &blobs).await?;
            let listed = parsed.manifests.into_iter();
            found.extend(listed.map(|descriptor| (descriptor, depth + 1)));
            kept.push(document);
        }
        for document in kept.iter().rev() {
            destination.push_manifest(document).await?;
        }
        Ok(())
    }

    /// Stores the documents, and names the SOCI-enabled image (V2) with `tag` if there is one.
    ///
    /// Without a single zTOC there is nothing to publish, and nothing is.
    ///
    /// # Errors
    /// When the destination refuses.
    pub async fn publish(
        &self,
        destination: &(impl Destination + ?Sized),
        tag: Option<&str>,
    ) -> Result<()> {
        if self.indexes.is_empty() {
            return Ok(());
        }
        let config = Bytes::from_static(EMPTY_CONFIG);
        let digest = Digest::of(EMPTY_CONFIG);
        destination.push_blob(digest, config).await?;
        let Some(enabled) = &self.enabled else {
            for (index, subject) in &self.indexes {
                destination.push_referrer(index, subject).await?;
            }
            return Ok(());
        };
        for (index, _) in &self.indexes {
            destination.push_manifest(index).await?;
        }
        for manifest in &enabled.manifests {
            destination.push_manifest(manifest).await?;
        }
        destination.push_manifest(&enabled.root).await?;
        match tag {
            Some(tag) => destination.tag(&enabled.root, tag).await,
            None => Ok(()),
        }
    }
}

/// Indexes in indexes are copied to this depth.
const MAX_DEPTH: usize = 4;

/// What any manifest or index lists.
#[derive(Deserialize)]
struct Listed {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

async fn copy_blobs(
    source: &(impl Source + ?Sized),
    destination: &(impl Destination + ?Sized),
    blobs: &[Descriptor],
) -> Result<()> {
    for blob in blobs {
        // A foreign layer is where its URLs say.
        if blob.urls.is_empty() && !destination.has_blob(blob.digest).await? {
            let pieces = source.blob(blob, 0..blob.size).await?;
            destination.push_stream(blob, pieces).await?;
        }
    }
    Ok(())
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
        let manifest = match &entry.kind {
            Kind::Image { manifest, platform } if options.wants(platform) => manifest,
            _ => continue,
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
                    wanted.push((key.clone(), layer.clone(), format));
                    None
                }
            };
            let skipped = skipped.unwrap_or_else(|| SkipReason::new("it was not read"));
            layers.insert(key, Layer::Skipped(skipped));
        }
    }
    let built = stream::iter(wanted)
        .map(|(key, layer, format)| async move {
            let layer = &layer;
            observer.layer_started(layer);
            let built = build_ztoc(source, layer, format, options.ztoc.clone(), observer).await;
            let outcome = match built {
                // It may be kept elsewhere only.
                Err(error) if error.is_not_found() && !layer.urls.is_empty() => {
                    Outcome::Skipped(SkipReason::new("it is a foreign layer that is not here"))
                }
                built => built?,
            };
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
                        prefetch: ztoc.prefetch,
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
