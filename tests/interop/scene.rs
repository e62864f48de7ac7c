//! An image in a registry, its index, and what the consumer makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::interrupt::Interrupt;
use tests::registry::Registry;
use tests::{binaries, process};

use crate::consumer::{Consumer, Snapshotter};
use crate::image::{Layer, Layout};
use crate::requests::{self, Request};
use crate::store::Store;
use crate::tree::Tree;
use crate::tree::deviations::{self, Deviation, Image};

/// The platform of images with one.
pub(crate) const PLATFORM: &str = "linux/amd64";

/// The repository of every image.
pub(crate) const REPOSITORY: &str = "shop/web";
/// The tag of every image without an index.
pub(crate) const SOURCE: &str = "1";

/// The longest that building an index may take.
const BUILD: Duration = Duration::from_secs(240);

/// The most requests for a layer until it is mounted, before anything in it is read.
const MOUNTING: usize = 2;

/// The version of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// A prefetch artifact of a SOCI index.
pub(crate) struct PrefetchArtifact {
    pub(crate) digest: String,
    /// The digest of the layer that it is for.
    pub(crate) layer: String,
}

/// A comparison that found no defect.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The deviations of the consumer that were seen.
    pub(crate) deviations: BTreeSet<Deviation>,
    layers: usize,
    mounted: usize,
    files: usize,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            layers,
            mounted,
            files,
            ..
        } = self;
        write!(
            f,
            "{mounted} of {layers} layers mounted, {files} files equal"
        )
    }
}

/// An image in a registry with its index.
pub(crate) struct Scene<R: Store = Registry> {
    pub(crate) registry: R,
    /// The layers by platform.
    layers: BTreeMap<String, Vec<Layer>>,
    /// See [`Image::left_behind`].
    pub(crate) left_behind: BTreeSet<PathBuf>,
    version: Version,
}

impl<R: Store> Scene<R> {
    /// Pushes an image of these layers for [`PLATFORM`].
    pub(crate) fn new(
        registry: R,
        layers: impl FnOnce(&Layout) -> Result<Vec<Layer>>,
    ) -> Result<Self> {
        let layout = Layout::new()?;
        let layers = layers(&layout)?;
        let image = layout.image("amd64", &layers)?;
        layout.push(&image, &registry, &format!("{REPOSITORY}:{SOURCE}"))?;
        Ok(Self::with(registry, [(PLATFORM.to_owned(), layers)].into()))
    }

    /// Pushes an image index with an image and its attestation for each architecture.
    pub(crate) fn of_platforms(
        registry: R,
        architectures: &[&str],
        layers: impl Fn(&Layout, &str) -> Result<Vec<Layer>>,
    ) -> Result<Self> {
        let layout = Layout::new()?;
        let mut manifests = Vec::new();
        let mut by_platform = BTreeMap::new();
        for architecture in architectures {
            let layers = layers(&layout, architecture)?;
            let image = layout.image(architecture, &layers)?;
            manifests.push(layout.attestation(&image)?);
            manifests.push(image);
            by_platform.insert(format!("linux/{architecture}"), layers);
        }
        let index = layout.index(&manifests)?;
        layout.push(&index, &registry, &format!("{REPOSITORY}:{SOURCE}"))?;
        Ok(Self::with(registry, by_platform))
    }

    /// An image that is in the registry already, its layers by platform.
    pub(crate) fn with(registry: R, layers: BTreeMap<String, Vec<Layer>>) -> Self {
        Self {
            registry,
            layers,
            left_behind: BTreeSet::new(),
            version: Version::V2,
        }
    }

    /// The reference of the image that was pushed.
    pub(crate) fn source(&self) -> String {
        self.registry
            .reference_to(&format!("{REPOSITORY}:{SOURCE}"))
    }

    /// The reference of the image with an index.
    pub(crate) fn indexed(&self) -> String {
        self.registry.reference_to(&self.indexed_name())
    }

    /// The same within the registry.
    pub(crate) fn indexed_name(&self) -> String {
        let suffix = match self.version {
            Version::V1 => "",
            Version::V2 => "-soci",
        };
        format!("{REPOSITORY}:{SOURCE}{suffix}")
    }

    /// Builds and publishes the index with the command line.
    pub(crate) fn index(&mut self, version: Version, arguments: &[&str]) -> Result<()> {
        self.version = version;
        let command = match version {
            Version::V1 => "create",
            Version::V2 => "convert",
        };
        self.soci(&[&[command], arguments].concat(), &self.source())?;
        Ok(())
    }

    /// Runs the command line about `reference`. Returns what it printed.
    pub(crate) fn soci(&self, arguments: &[&str], reference: &str) -> Result<String> {
        let docker = tempfile::tempdir()?;
        self.registry.login(docker.path())?;
        let mut command = Command::new(binaries::built("soci")?);
        command.env("DOCKER_CONFIG", docker.path());
        command.args(arguments);
        if let Some(authority) = self.registry.authority() {
            command.arg("--ca-file").arg(authority);
        }
        command.arg(reference);
        let output = process::run(&mut command, BUILD, &Interrupt::default())?;
        Ok(output.success()?.stdout)
    }

    /// The SOCI index of a V2 image with one platform.
    pub(crate) fn soci_index(&self) -> Result<Value> {
        let tag = format!("{SOURCE}-soci");
        let image = self.registry.manifest_of(REPOSITORY, &tag)?;
        let manifests = image["manifests"].as_array().into_iter().flatten();
        let digest = manifests
            .filter_map(|manifest| {
                manifest["annotations"]["com.amazon.soci.image-manifest-digest"]
                    .is_string()
                    .then(|| manifest["digest"].as_str())?
            })
            .next()
            .with_context(|| format!("no SOCI index in {image}"))?;
        self.registry.manifest_of(REPOSITORY, digest)
    }

    /// The one prefetch artifact of a V2 image with one platform.
    pub(crate) fn prefetch_artifact(&self) -> Result<PrefetchArtifact> {
        let index = self.soci_index()?;
        let mut layers = index["layers"].as_array().into_iter().flatten();
        let artifact = layers
            .find(|layer| layer["mediaType"] == "application/vnd.amazon.soci.prefetch.v1+json")
            .with_context(|| format!("no prefetch artifact in {index}"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(PrefetchArtifact {
            digest: text(&artifact["digest"]),
            layer: text(&artifact["annotations"]["com.amazon.soci.image-layer-digest"]),
        })
    }

    /// Mounts the image with its spans prefetched. Returns the requests that this took.
    pub(crate) fn prefetch(&self, platform: &str) -> Result<Vec<Request>> {
        let mut consumer = Consumer::start_prefetching()?;
        let before = self.requests().len();
        consumer.pull(&self.indexed(), platform, Snapshotter::Soci)?;
        let requests = self.requests().split_off(before);
        ensure!(
            consumer.warnings()?.is_empty(),
            "{:#?}",
            consumer.warnings()?
        );
        consumer.stop()?;
        Ok(requests)
    }

    /// Mounts the image lazily, reads everything in it, and compares that with the unpacked
    /// image. `mounted` says which layers have to be mounted rather than unpacked.
    pub(crate) fn check(&self, platform: &str, mounted: &[bool]) -> Result<Checked> {
        self.check_image(&self.indexed(), platform, mounted)
    }

    /// The same for this reference of the image with its index.
    pub(crate) fn check_image(
        &self,
        reference: &str,
        platform: &str,
        mounted: &[bool],
    ) -> Result<Checked> {
        let layers = self.layers(platform)?;
        let mut consumer = Consumer::start_for(&self.registry)?;
        let before = self.requests().len();
        let lazy = consumer.pull(reference, platform, Snapshotter::Soci)?;
        let want: Vec<_> = layers
            .iter()
            .zip(mounted)
            .map(|(layer, &mounted)| (layer.digest.clone(), mounted))
            .collect();
        ensure!(
            lazy.layers == want,
            "layers: got {:#?}, want {want:#?}",
            lazy.layers
        );
        let count = mounted.iter().filter(|&&mounted| mounted).count();
        let mounts = consumer.fuse_mounts()?;
        ensure!(
            mounts.len() == count,
            "want {count} FUSE mounts, got {mounts:?}"
        );
        self.expect_ranges(before, layers, mounted, 0..=MOUNTING)?;

        let got = Tree::read(&lazy.root)?;
        self.expect_ranges(before, layers, mounted, 1..=usize::MAX)?;
        let eager = consumer.pull(&self.source(), platform, Snapshotter::Overlayfs)?;
        let want = Tree::read(&eager.root)?;
        ensure!(
            got.len() == want.len(),
            "got {} files, want {}",
            got.len(),
            want.len()
        );
        let (defects, seen) = deviations::compare(&got, &want, &self.expected(platform)?);
        ensure!(defects.is_empty(), "{defects:#?}");

        // A layer without a zTOC is worth a warning to the snapshotter; it names each.
        let warnings = consumer.warnings()?;
        let (expected, others): (Vec<_>, Vec<_>) = warnings
            .iter()
            .partition(|line| line.contains("no ztoc for layer"));
        ensure!(others.is_empty(), "{others:#?}");
        ensure!(expected.len() == mounted.len() - count, "{expected:#?}");
        consumer.stop()?;
        Ok(Checked {
            deviations: seen,
            layers: layers.len(),
            mounted: count,
            files: want.len(),
        })
    }

    /// Returns what the known deviations of the consumer depend on.
    pub(crate) fn expected(&self, platform: &str) -> Result<Image> {
        let layers = self.layers(platform)?.iter();
        Ok(Image {
            implied: layers.flat_map(|layer| layer.implied.clone()).collect(),
            left_behind: self.left_behind.clone(),
        })
    }

    /// A layer of the image, counted from the lowest.
    pub(crate) fn layer(&self, platform: &str, number: usize) -> Result<&Layer> {
        let layer = self.layers(platform)?.get(number);
        layer.with_context(|| format!("no layer {number}"))
    }

    fn layers(&self, platform: &str) -> Result<&[Layer]> {
        let layers = self.layers.get(platform);
        Ok(layers.with_context(|| format!("no platform {platform}"))?)
    }

    /// Fails unless the mounted layers were asked for in so many ranges each, never for more than
    /// they hold, and the others as a whole.
    fn expect_ranges(
        &self,
        before: usize,
        layers: &[Layer],
        mounted: &[bool],
        count: RangeInclusive<usize>,
    ) -> Result<()> {
        let requests = self.requests().split_off(before);
        for (layer, mounted) in layers.iter().zip(mounted) {
            let digest = &layer.digest;
            let its = requests.iter().filter(|request| request.digest == *digest);
            let its: Vec<_> = its.collect();
            if *mounted {
                let ranges = its.iter().all(|request| request.status == 206);
                ensure!(ranges && count.contains(&its.len()), "{digest}: {its:#?}");
                // Neighbouring spans share a byte.
                let bytes: u64 = its.iter().map(|request| request.size).sum();
                let bound = layer.size + its.len() as u64;
                ensure!(
                    bytes <= bound,
                    "{digest}: {bytes} bytes, want {bound} at most"
                );
            } else {
                let whole = its.iter().any(|request| request.status == 200);
                ensure!(whole, "{digest}: {its:#?}");
            }
        }
        Ok(())
    }

    /// Every request for a blob so far.
    fn requests(&self) -> Vec<Request> {
        requests::of(&self.registry.access_log())
    }
}
