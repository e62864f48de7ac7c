//! Whole images: results depend on the image alone, and converting twice is converting once.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use soci::oci::{Descriptor, ImageIndex, ImageManifest, Platform, media_type};
use soci::ztoc::SkipReason;
use soci::{
    Digest, EarlierIndexes, Inspection, Knowledge, Manifest, MemoryBudget, Options, Report,
    Version, index, inspect, verify_indexes,
};

use crate::archive::{ArchiveDraft, archive};
use crate::archive_writer;
use crate::cases;
use crate::encoding::{Encoding, encoding};
use crate::knowledge::Remembered;
use crate::layers::{pieces, span_size};
use crate::memory::MemoryStore;
use crate::source::MemoryImage;

/// A layer as it is drawn.
#[derive(Debug, Clone)]
struct LayerDraft {
    archive: ArchiveDraft,
    encoding: Encoding,
    /// Which family of media types.
    family: u8,
    /// A blob that is no indexable tar.
    strange: bool,
}

/// One manifest of an index as it is drawn.
#[derive(Debug, Clone)]
struct ManifestDraft {
    layers: Vec<Index>,
    docker: bool,
    /// The index says the platform; else only the configuration does.
    platform_said: bool,
    architecture: &'static str,
    annotated: bool,
    attested: bool,
}

#[derive(Debug, Clone)]
struct ImageDraft {
    layers: Vec<LayerDraft>,
    manifests: Vec<ManifestDraft>,
    /// The first manifest alone, without an index.
    single: bool,
    docker_list: bool,
    index_annotated: bool,
    /// A manifest of an artifact that is no image.
    artifact: bool,
}

fn layer() -> impl Strategy<Value = LayerDraft> {
    let strange = prop::bool::weighted(0.15);
    (archive(5), encoding(), 0..3_u8, strange).prop_map(|(archive, encoding, family, strange)| {
        LayerDraft {
            archive,
            encoding,
            family,
            strange,
        }
    })
}

fn manifest() -> impl Strategy<Value = ManifestDraft> {
    let architecture = prop::sample::select(vec!["amd64", "arm64", "riscv64"]);
    (
        prop::collection::vec(any::<Index>(), 0..4),
        any::<[bool; 4]>(),
        architecture,
    )
        .prop_map(|(layers, flags, architecture)| ManifestDraft {
            layers,
            docker: flags[0],
            platform_said: flags[1],
            annotated: flags[2],
            attested: flags[3],
            architecture,
        })
}

fn image() -> impl Strategy<Value = ImageDraft> {
    (
        prop::collection::vec(layer(), 1..4),
        prop::collection::vec(manifest(), 1..4),
        any::<[bool; 4]>(),
    )
        .prop_map(|(layers, manifests, flags)| ImageDraft {
            layers,
            manifests,
            single: flags[0],
            docker_list: flags[1],
            index_annotated: flags[2],
            artifact: flags[3],
        })
}

impl LayerDraft {
    fn add(&self, image: &mut MemoryImage) -> Descriptor {
        let content = if self.strange {
            b"no tar at all, but a sound stream".repeat(40)
        } else {
            archive_writer::write(&self.archive).bytes
        };
        let gzip = matches!(self.encoding, Encoding::Gzip(_));
        let media_type = match (self.family, gzip) {
            (0, true) => "application/vnd.oci.image.layer.v1.tar+gzip",
            (0, false) => "application/vnd.oci.image.layer.v1.tar",
            (1, true) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            // Docker's plain type says nothing of compression.
            (1, false) | (2, true) => "application/vnd.docker.image.rootfs.diff.tar",
            _ => "application/vnd.oci.image.layer.v1.tar+zstd",
        };
        image.add(media_type, self.encoding.encode(&content))
    }
}

impl ManifestDraft {
    fn platform(&self) -> Platform {
        format!("linux/{}", self.architecture)
            .parse()
            .expect("a platform")
    }

    /// Adds the manifest, and its attestation if it has one, as an index lists them.
    fn add(&self, image: &mut MemoryImage, layers: &[Descriptor]) -> Vec<Descriptor> {
        let (config_type, manifest_type) = if self.docker {
            (media_type::DOCKER_CONFIG, media_type::DOCKER_MANIFEST)
        } else {
            (media_type::OCI_CONFIG, media_type::OCI_MANIFEST)
        };
        let config = json!({"architecture": self.architecture, "os": "linux"});
        let manifest = ImageManifest {
            schema_version: 2,
            media_type: Some(manifest_type.to_owned()),
            artifact_type: None,
            config: image.add(config_type, config.to_string().into_bytes()),
            layers: self.layers.iter().map(|i| i.get(layers).clone()).collect(),
            subject: None,
            annotations: annotations(self.annotated, "on the manifest <&>"),
        };
        let mut descriptor = add(image, manifest_type, &manifest);
        descriptor.annotations = annotations(self.annotated, "on the descriptor");
        descriptor.platform = self.platform_said.then(|| self.platform());
        let subject = descriptor.digest;
        let mut listed = vec![descriptor];
        if self.attested {
            listed.push(attestation(image, subject));
        }
        listed
    }
}

fn annotations(wanted: bool, value: &str) -> BTreeMap<String, String> {
    let annotation = ("org.example.note".to_owned(), value.to_owned());
    wanted.then_some(annotation).into_iter().collect()
}

fn add(image: &mut MemoryImage, media_type: &str, document: &impl serde::Serialize) -> Descriptor {
    image.add(media_type, serde_json::to_vec(document).expect("JSON"))
}

fn attestation(image: &mut MemoryImage, subject: Digest) -> Descriptor {
    let config = json!({"architecture": "unknown", "os": "unknown"});
    let statement = image.add("application/vnd.in-toto+json", b"{}".to_vec());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": image.add(media_type::OCI_CONFIG, config.to_string().into_bytes()),
        "layers": [statement],
        "org.example.unknown": "dropped",
    });
    let mut descriptor = add(image, media_type::OCI_MANIFEST, &manifest);
    descriptor.platform = Some("unknown/unknown".parse().expect("a platform"));
    let says = [
        (
            "vnd.docker.reference.type",
            "attestation-manifest".to_owned(),
        ),
        ("vnd.docker.reference.digest", subject.to_string()),
    ];
    descriptor.annotations = says.map(|(key, value)| (key.to_owned(), value)).into();
    descriptor
}

impl ImageDraft {
    fn build(&self) -> MemoryImage {
        let mut image = MemoryImage::default();
        let layers: Vec<_> = self.layers.iter().map(|l| l.add(&mut image)).collect();
        let mut listed = Vec::new();
        for manifest in &self.manifests {
            listed.extend(manifest.add(&mut image, &layers));
        }
        let root = if self.single {
            listed.swap_remove(0)
        } else {
            if self.artifact {
                let chart = json!({
                    "schemaVersion": 2,
                    "config": image.add("application/vnd.example.config+json", b"{}".to_vec()),
                    "layers": [],
                });
                listed.push(add(&mut image, media_type::OCI_MANIFEST, &chart));
            }
            let mut index = ImageIndex::of(listed);
            index.annotations = annotations(self.index_annotated, "on the index");
            if self.docker_list {
                index.media_type = Some(media_type::DOCKER_LIST.to_owned());
            }
            let media_type = index.media_type.clone().unwrap_or_default();
            add(&mut image, &media_type, &index)
        };
        let bytes = image.blobs[&root.digest].clone();
        image.root = Some(Manifest::new(&root.media_type, bytes));
        image
    }
}

fn options() -> impl Strategy<Value = Options> {
    let platforms = prop_oneof![
        4 => Just(Vec::new()),
        1 => Just(vec!["linux/amd64".parse::<Platform>().expect("a platform")]),
    ];
    (
        span_size(),
        prop::sample::select(vec![0_u64, 1000]),
        platforms,
        any::<[bool; 5]>(),
    )
        .prop_map(|(span_size, min_layer_size, platforms, flags)| {
            let mut options = Options::default()
                .with_version(if flags[0] { Version::V1 } else { Version::V2 })
                .with_min_layer_size(min_layer_size)
                .with_platforms(platforms)
                .with_optimize_xattrs(flags[1])
                .with_multi_member_layers(flags[3])
                .with_oci_layer_types(flags[4]);
            options.ztoc.span_size = span_size;
            if flags[2] {
                options.ztoc.prefetch_files = vec!["f0".to_owned(), "d0/f1".to_owned()];
            }
            options
        })
}

/// Everything that indexing leaves behind.
#[derive(Debug, PartialEq)]
struct Result {
    report: Report,
    manifests: BTreeMap<Digest, Manifest>,
    blobs: BTreeMap<Digest, Bytes>,
}

/// Indexes and publishes. An image that has no such platform gives nothing.
async fn run(image: &MemoryImage, options: &Options) -> Option<(Result, MemoryStore)> {
    let store = MemoryStore::default();
    let result = run_into(&store, image, options, &()).await?;
    Some((result, store))
}

async fn run_into(
    store: &MemoryStore,
    image: &MemoryImage,
    options: &Options,
    known: &impl Knowledge,
) -> Option<Result> {
    let indexed = match index(image, store, options, known, &()).await {
        Ok(indexed) => indexed,
        Err(error) if error.to_string().contains("no image for") => return None,
        Err(error) => panic!("a sound image: {error}"),
    };
    indexed
        .publish(store, None)
        .await
        .expect("memory takes all");
    let mut report = indexed.report().clone();
    let reused = std::mem::take(&mut report.reused);
    // A layer may be empty.
    assert!(reused.layers > 0 || reused.bytes == 0, "{reused:?}");
    let ztocs = report.indexes.iter().flat_map(|index| &index.ztocs);
    let unread: BTreeSet<Digest> = ztocs.filter(|z| z.reused).map(|z| z.layer).collect();
    assert!(unread.len() <= reused.layers, "{reused:?}");
    for ztoc in report.indexes.iter_mut().flat_map(|i| &mut i.ztocs) {
        ztoc.reused = false;
    }
    // A reason that is known from before is known as its text.
    for skipped in report.indexes.iter_mut().flat_map(|i| &mut i.skipped) {
        if !shows_unread(&skipped.reason) {
            let reason = skipped.reason.to_string();
            skipped.reason = SkipReason::Earlier { reason };
        }
    }
    Some(Result {
        report,
        manifests: store.manifests(),
        blobs: store.blobs(),
    })
}

/// Indexes an image three times: with nothing known, with some of its layers known and some of their
/// zTOCs lost, and with what the first image left as earlier indexes.
async fn check_knowledge(image: &MemoryImage, options: &Options, kept: &[bool], lost: &[bool]) {
    let (store, remembered) = (MemoryStore::default(), Remembered::default());
    let Some(first) = run_into(&store, image, options, &remembered).await else {
        return;
    };
    remembered.retain(kept.iter().copied().cycle());
    let mut losses = lost.iter().copied().cycle();
    store.retain_blobs(|_| losses.next() != Some(true));
    let again = run_into(&store, image, options, &remembered).await;
    assert_eq!(again.as_ref(), Some(&first));

    let Some(root) = first.report.digest else {
        return;
    };
    let earlier = image.with(&store, root);
    let empty = MemoryStore::default();
    let found = EarlierIndexes::find(&[&earlier], &empty, options).await;
    let found = found.expect("a SOCI-enabled image");
    let reused = run_into(&empty, image, options, &found).await;
    assert_eq!(reused.as_ref(), Some(&first));
}

/// Every SOCI document's parts are there: nothing refers to nothing.
fn check_whole(image: &MemoryImage) {
    for document in image.blobs.values() {
        let Ok(json) = serde_json::from_slice::<Value>(document) else {
            continue;
        };
        let parts = ["manifests", "layers"].map(|key| json[key].as_array());
        for part in parts
            .into_iter()
            .flatten()
            .flatten()
            .chain([&json["config"]])
        {
            if let Some(digest) = part["digest"].as_str() {
                let digest: Digest = digest.parse().expect("a digest");
                let size = image.blobs.get(&digest).map(|blob| blob.len() as u64);
                assert_eq!(size, part["size"].as_u64(), "{part}");
            }
        }
    }
}

async fn check_converting_twice(image: &MemoryImage, options: &Options) {
    let Some((once, store)) = run(image, options).await else {
        return;
    };
    let Some(root) = once.report.digest else {
        assert!(once.report.is_empty(), "{:?}", once.report);
        assert!(once.manifests.is_empty(), "an empty index was stored");
        return;
    };
    let converted = image.with(&store, root);
    check_whole(&converted);
    let (twice, _) = run(&converted, options).await.expect("the same platforms");
    assert_eq!(twice.report.digest, Some(root));
    assert_eq!(twice.manifests, once.manifests);
    assert_eq!(twice.blobs, once.blobs);

    // With other options nothing of the first conversion may be left.
    let mut other = options.clone();
    other.ztoc.span_size += 1000;
    other.optimize_xattrs = !other.optimize_xattrs;
    let (from_source, _) = run(image, &other).await.expect("the same platforms");
    let (from_converted, _) = run(&converted, &other).await.expect("the same platforms");
    assert_eq!(from_converted.manifests, from_source.manifests);

    let inspection = inspect(&converted).await.expect("its own image");
    let found = inspection.platforms.iter().flat_map(|p| &p.indexes);
    let found: Vec<_> = found.map(|index| index.digest).collect();
    let built: Vec<_> = once
        .report
        .indexes
        .iter()
        .filter_map(|i| i.digest)
        .collect();
    assert_eq!(found, built);
    let findings = verify_indexes(&converted, &inspection, &MemoryBudget::default()).await;
    assert_eq!(findings.expect("its own image").findings, []);
    check_freshness(image, &store, &inspection, options, &once.report).await;
}

/// Whether a reason shows without reading the layer.
fn shows_unread(reason: &SkipReason) -> bool {
    matches!(
        reason,
        SkipReason::TooSmall { .. } | SkipReason::MediaType { .. }
    )
}

/// Checks that exactly what was built is recognized.
async fn check_freshness(
    image: &MemoryImage,
    store: &MemoryStore,
    found: &Inspection,
    options: &Options,
    report: &Report,
) {
    let is_fresh = async |store: &MemoryStore, options: &Options| {
        let fresh = soci::is_fresh(image, store, found, options, &()).await;
        fresh.expect("its own image")
    };
    // Who remembers what came out can tell it all.
    let remembered = Remembered::default();
    run_into(&MemoryStore::default(), image, options, &remembered).await;
    let fresh = soci::is_fresh(image, store, found, options, &remembered).await;
    assert!(fresh.expect("its own image"));
    // Otherwise, only what shows without reading a layer can be told.
    let skipped = report.indexes.iter().flat_map(|index| &index.skipped);
    let all_tellable = skipped.into_iter().all(|layer| shows_unread(&layer.reason))
        && !options.optimize_xattrs
        && options.ztoc.prefetch_files.is_empty();
    assert_eq!(is_fresh(store, options).await, all_tellable);
    let mut other = options.clone();
    other.ztoc.span_size += 1;
    assert!(!is_fresh(store, &other).await);
    assert!(!is_fresh(&MemoryStore::default(), options).await);
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).build().expect("a runtime")
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn results_depend_on_the_image_alone(
        draft in image(),
        options in options(),
        concurrency in 2..9_usize,
        pieces in [pieces(), pieces()],
    ) {
        let mut image = draft.build();
        let [first, second] = pieces;
        image.pieces = first;
        let alone = options.clone().with_concurrency(1);
        let runtime = runtime();
        let one = runtime.block_on(run(&image, &alone)).map(|(result, _)| result);
        image.pieces = second;
        let together = options.with_concurrency(concurrency);
        let many = runtime.block_on(run(&image, &together)).map(|(result, _)| result);
        prop_assert_eq!(one, many);
    }

    #[test]
    fn what_is_known_changes_nothing(
        draft in image(),
        options in options(),
        kept in prop::collection::vec(any::<bool>(), 1..9),
        lost in prop::collection::vec(any::<bool>(), 1..9),
    ) {
        let image = draft.build();
        runtime().block_on(check_knowledge(&image, &options, &kept, &lost));
    }

    #[test]
    fn converting_twice_is_converting_once(draft in image(), options in options()) {
        let options = options.with_version(Version::V2);
        let image = draft.build();
        runtime().block_on(check_converting_twice(&image, &options));
    }
}
