//! Images to index, and the events of their pushes.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::fake::lambda::{FakeLambda, push_event};
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::image::{Compression, Layer, Layout, MediaTypes, noise};
use tests::interrupt::Interrupt;
use tests::registry::{Manifest, Registry};
use tests::{skopeo, wait};

use crate::function::{AMPLE, Function, Kind};

pub(crate) const REPOSITORY: &str = "shop/web";
pub(crate) const TAG: &str = "1.4";
pub(crate) const ENABLED: &str = "1.4-soci";

/// Indexes small layers too, so that images may be small.
const SMALL: [(&str, &str); 2] = [("soci_min_layer_size", "0"), ("soci_span_size", "65536")];

/// A registry that requires the token, behind a proxy that records requests and injects faults.
pub(crate) struct Scenario {
    pub(crate) registry: Registry,
    pub(crate) proxy: Proxy,
}

impl Scenario {
    pub(crate) fn new() -> Result<Self> {
        let registry = Registry::start_authenticated()?;
        let proxy = Proxy::start(registry.address())?;
        Ok(Self { registry, proxy })
    }

    /// Starts a generator of indexes of this version.
    pub(crate) fn generator(&self, version: &str) -> Result<Function> {
        self.generator_with(&[("soci_index_version", version)])
    }

    pub(crate) fn generator_with(&self, variables: &[(&str, &str)]) -> Result<Function> {
        let fake = FakeLambda::start(&format!("http://{}", self.proxy.address()))?;
        let variables = [&SMALL, variables].concat();
        Function::start(Kind::Generator, fake, &variables)
    }

    /// Pushes an image of one platform. Returns its digest.
    pub(crate) fn push(&self, tag: &str, seed: u64) -> Result<String> {
        self.push_layout(tag, |layout| image(layout, "amd64", seed))
    }

    /// Pushes an image of small layers only. Returns its digest.
    pub(crate) fn push_small(&self, tag: &str) -> Result<String> {
        self.push_layout(tag, |layout| {
            let small = small_layer(layout)?;
            layout.image("amd64", MediaTypes::Oci, &[small])
        })
    }

    /// Pushes an image of two platforms. Returns its digest.
    pub(crate) fn push_both(&self, tag: &str) -> Result<String> {
        self.push_layout(tag, |layout| {
            let manifests = [image(layout, "amd64", 1)?, image(layout, "arm64", 2)?];
            layout.index(MediaTypes::Oci, &manifests)
        })
    }

    /// Pushes an image whose configuration names no platform. Returns its digest.
    pub(crate) fn push_without_platform(&self, tag: &str) -> Result<String> {
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/config-no-platform");
        let name = format!("{REPOSITORY}:{tag}");
        skopeo::push(&case, &self.registry, &name, &Interrupt::default())?;
        Ok(self.manifest(tag)?.digest)
    }

    fn push_layout(
        &self,
        tag: &str,
        fill: impl FnOnce(&Layout) -> Result<Value>,
    ) -> Result<String> {
        let directory = tempfile::tempdir()?;
        let layout = Layout::create(directory.path())?;
        layout.publish(&fill(&layout)?)?;
        let name = format!("{REPOSITORY}:{tag}");
        skopeo::push(
            layout.directory(),
            &self.registry,
            &name,
            &Interrupt::default(),
        )?;
        Ok(self.manifest(tag)?.digest)
    }

    pub(crate) fn manifest(&self, name: &str) -> Result<Manifest> {
        self.registry.expect_manifest(REPOSITORY, name)
    }

    /// Holds every answer with the first layer of the image, whose digest it returns, after some bytes.
    pub(crate) fn hold_layer(&self) -> Result<String> {
        let layer = text(&self.manifest(TAG)?.json["layers"][0]["digest"])?.to_owned();
        self.proxy
            .add(Rule::new("GET", &layer, Fault::HoldBody(1000)));
        Ok(layer)
    }

    /// Sends the event of a push of the image while its first layer is held, and waits until that is
    /// read. Returns the number of the invocation.
    pub(crate) fn send_and_hold(&self, generator: &Function, digest: &str) -> Result<u64> {
        self.hold_layer()?;
        let number = generator.fake.send(event(digest, Some(TAG)), AMPLE);
        wait::until("a layer that is read", wait::SOON, || {
            Ok(self.proxy.is_holding().then_some(()))
        })?;
        Ok(number)
    }

    pub(crate) fn tags(&self) -> Result<Vec<String>> {
        self.registry.tags(REPOSITORY)
    }

    /// Checks that a tag names the SOCI-enabled image of the image under another tag, with an index
    /// for each of its platforms. Returns its digest.
    pub(crate) fn expect_enabled(&self, enabled: &str, source: &str) -> Result<String> {
        let enabled = self.manifest(enabled)?;
        let source = self.manifest(source)?;
        let wanted = match source.json["manifests"].as_array() {
            None => vec![source.json["layers"].clone()],
            Some(manifests) => {
                let layers = manifests.iter().map(|entry| {
                    let manifest = self.manifest(text(&entry["digest"])?)?;
                    Ok(manifest.json["layers"].clone())
                });
                layers.collect::<Result<_>>()?
            }
        };
        let entries = enabled.json["manifests"].as_array().context("no index")?;
        ensure!(entries.len() == 2 * wanted.len(), "{}", enabled.json);
        for (entry, layers) in entries.iter().zip(&wanted) {
            let manifest = self.manifest(text(&entry["digest"])?)?.json;
            ensure!(manifest["layers"] == *layers, "other layers: {manifest}");
            let index = text(&manifest["annotations"]["com.amazon.soci.index-digest"])?;
            self.expect_index(index)?;
        }
        Ok(enabled.digest)
    }

    /// Checks that a SOCI index has zTOCs, and that the registry has them.
    pub(crate) fn expect_index(&self, digest: &str) -> Result<Value> {
        let index = self.manifest(digest)?.json;
        let ztocs = index["layers"].as_array().context("no layers")?;
        ensure!(!ztocs.is_empty(), "no zTOC in {index}");
        for ztoc in ztocs {
            let digest = text(&ztoc["digest"])?;
            ensure!(self.registry.has_blob(REPOSITORY, digest)?, "no {digest}");
        }
        Ok(index)
    }

    /// Returns the digests of a manifest's V1 indexes, from its referrers tag.
    pub(crate) fn referrers(&self, digest: &str) -> Result<Vec<String>> {
        let list = digest.replace(':', "-");
        let Some(list) = self.registry.manifest(REPOSITORY, &list)? else {
            return Ok(Vec::new());
        };
        let entries = list.json["manifests"].as_array().context("no list")?;
        let digests = entries.iter().map(|entry| {
            ensure!(
                entry["artifactType"] == "application/vnd.amazon.soci.index.v1+json",
                "{entry}"
            );
            Ok(text(&entry["digest"])?.to_owned())
        });
        digests.collect()
    }

    /// Counts the requests that changed something and those that read a layer, after the first
    /// `requests`.
    pub(crate) fn costs_since(&self, requests: usize) -> (usize, usize) {
        let requests = self.proxy.requests().split_off(requests);
        let writes = requests
            .iter()
            .filter(|request| !matches!(request.method.as_str(), "GET" | "HEAD"));
        let reads = requests.iter().filter(|request| request.range.is_some());
        (writes.count(), reads.count())
    }
}

/// Returns the event of a push.
pub(crate) fn event(digest: &str, tag: Option<&str>) -> Value {
    push_event(REPOSITORY, digest, tag)
}

/// Adds an image with a large and a small layer.
fn image(layout: &Layout, architecture: &str, seed: u64) -> Result<Value> {
    let large = layout.layer(Compression::Gzip, |archive| {
        archive.file("etc/os-release", b"ID=test\n")?;
        archive.file("data/noise", &noise(seed, 300_000))
    })?;
    let small = small_layer(layout)?;
    layout.image(architecture, MediaTypes::Oci, &[large, small])
}

fn small_layer(layout: &Layout) -> Result<Layer> {
    layout.layer(Compression::Gzip, |archive| {
        archive.file("etc/motd", b"hello\n")
    })
}

pub(crate) fn text(value: &Value) -> Result<&str> {
    value.as_str().with_context(|| format!("no text: {value}"))
}
