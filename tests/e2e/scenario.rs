//! The starting point of most tests: a registry with an image, and a configuration that indexes it.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::image::{Compression, Layer, Layout, MediaTypes, noise};
use tests::interrupt::Interrupt;
use tests::registry::{Manifest, Registry};
use tests::skopeo;
use tests::terraform::{Resource, Terraform, Version, configuration};

/// The address of the resource.
pub(crate) const ADDRESS: &str = "soci_index.this";
/// The repository of the image.
pub(crate) const REPOSITORY: &str = "shop/web";
/// The tag of the image.
pub(crate) const TAG: &str = "1.4";
/// The tag of the SOCI-enabled image.
pub(crate) const ENABLED: &str = "1.4-soci";

/// Media type of an OCI image index.
pub(crate) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of an OCI image manifest.
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Number of random bytes in a large layer: more than the default `min_layer_size` of 10 MiB.
const LARGE: usize = 11 * 1024 * 1024;

/// A registry with an image, and a configuration for it.
pub(crate) struct Scenario {
    pub(crate) registry: Registry,
    pub(crate) terraform: Terraform,
}

impl Scenario {
    /// Prepares the usual image for one platform and a configuration, not applied.
    pub(crate) fn new(arguments: &str) -> Result<Self> {
        let registry = Registry::start()?;
        push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
        let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
        Ok(Self {
            terraform: configured(&reference, arguments)?,
            registry,
        })
    }

    /// Replaces the arguments in the configuration.
    pub(crate) fn configure(&self, arguments: &str) -> Result<()> {
        self.terraform
            .write("main.tf", &configuration(&self.image(), arguments))
    }

    /// The reference of the image, by tag.
    pub(crate) fn image(&self) -> String {
        self.registry.reference(&format!("{REPOSITORY}:{TAG}"))
    }

    /// Returns the resource in the state.
    pub(crate) fn resource(&self) -> Result<Resource> {
        self.terraform.expect_resource(ADDRESS)
    }

    /// Returns the manifest with a tag or digest, which must exist.
    pub(crate) fn manifest(&self, reference: &str) -> Result<Manifest> {
        self.registry.expect_manifest(REPOSITORY, reference)
    }

    /// Checks that a plan has no changes.
    pub(crate) fn expect_empty_plan(&self) -> Result<()> {
        self.terraform.expect_empty_plan()
    }

    /// Checks that a plan has changes.
    pub(crate) fn expect_changes(&self) -> Result<()> {
        let plan = self.terraform.plan()?;
        ensure!(plan.changes, "the plan has no changes:\n{}", plan.output);
        Ok(())
    }

    /// Checks the SOCI-enabled image from the tag down to the blobs; returns its SOCI indexes.
    pub(crate) fn expect_enabled(&self) -> Result<Vec<Manifest>> {
        let enabled = self.manifest(ENABLED)?;
        ensure!(
            enabled.media_type == INDEX_TYPE,
            "media type {}",
            enabled.media_type
        );
        let manifests = list(&enabled.json, "manifests")?;
        let (indexes, images): (Vec<_>, Vec<_>) = manifests.iter().partition(|descriptor| {
            descriptor["artifactType"] == "application/vnd.amazon.soci.index.v2+json"
        });
        ensure!(!indexes.is_empty(), "no SOCI index in {}", enabled.json);
        let mut found = Vec::new();
        for index in indexes {
            let digest = text(&index["digest"])?;
            let image = text(&index["annotations"]["com.amazon.soci.image-manifest-digest"])?;
            ensure!(
                images.iter().any(|its| its["digest"] == image),
                "no manifest {image}"
            );
            let annotations = &self.manifest(image)?.json["annotations"];
            ensure!(
                annotations["com.amazon.soci.index-digest"] == digest,
                "{annotations}"
            );
            found.push(self.expect_index(digest)?);
        }
        Ok(found)
    }

    /// Checks a SOCI index and all its zTOCs; returns its manifest.
    pub(crate) fn expect_index(&self, digest: &str) -> Result<Manifest> {
        let index = self.manifest(digest)?;
        let layers = list(&index.json, "layers")?;
        ensure!(!layers.is_empty(), "no zTOC in {}", index.json);
        for layer in layers {
            let digest = text(&layer["digest"])?;
            ensure!(
                self.registry.has_blob(REPOSITORY, digest)?,
                "no zTOC {digest}"
            );
        }
        Ok(index)
    }
}

/// Prepares a configuration with one resource for `image`.
pub(crate) fn configured(image: &str, arguments: &str) -> Result<Terraform> {
    let terraform = Terraform::overriding(Version::OnPath)?;
    terraform.write("main.tf", &configuration(image, arguments))?;
    Ok(terraform)
}

/// Pushes the image that `build` adds to a layout, with a tag in [`REPOSITORY`].
pub(crate) fn push(
    registry: &Registry,
    tag: &str,
    build: impl FnOnce(&Layout) -> Result<Value>,
) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let layout = Layout::create(directory.path())?;
    let descriptor = build(&layout)?;
    layout.publish(&descriptor)?;
    let name = format!("{REPOSITORY}:{tag}");
    skopeo::push(layout.directory(), registry, &name, &Interrupt::default())
}

/// Builds an image with a small layer and a large one, whose content depends on `seed`.
pub(crate) fn image(layout: &Layout, architecture: &str, seed: u64) -> Result<Value> {
    layout.image(
        architecture,
        MediaTypes::Oci,
        &layers(layout, Compression::Gzip, seed)?,
    )
}

/// Builds the layers of [`image`].
pub(crate) fn layers(layout: &Layout, kind: Compression, seed: u64) -> Result<Vec<Layer>> {
    let base = layout.layer(kind, |archive| archive.file("etc/hostname", b"web\n"))?;
    Ok(vec![base, large(layout, kind, seed)?])
}

/// A large layer that some test has built.
struct Built {
    seed: u64,
    layer: Layer,
    content: Arc<[u8]>,
}

/// Builds a large layer, once for all tests: compressing it takes longer than indexing it.
fn large(layout: &Layout, kind: Compression, seed: u64) -> Result<Layer> {
    static BUILT: Mutex<Vec<Built>> = Mutex::new(Vec::new());
    let built = || BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let known = built().iter().find_map(|its| {
        let found = its.seed == seed && its.layer.compression == kind;
        found.then(|| (its.layer.clone(), its.content.clone()))
    });
    if let Some((layer, content)) = known {
        layout.copied_layer(&layer, &content)?;
        return Ok(layer);
    }
    let layer = layout.layer(kind, |archive| {
        archive.file("srv/data", &noise(seed, LARGE))?;
        archive.file("srv/readme", b"the data beside this file is random\n")
    })?;
    built().push(Built {
        seed,
        layer: layer.clone(),
        content: fs::read(layout.blob(&layer.digest))?.into(),
    });
    Ok(layer)
}

/// Returns the digest of the large layer of the image with this tag.
pub(crate) fn large_layer(registry: &Registry, tag: &str) -> Result<String> {
    let manifest = registry.expect_manifest(REPOSITORY, tag)?;
    let layers = list(&manifest.json, "layers")?;
    Ok(text(&layers.last().context("no layers")?["digest"])?.to_owned())
}

/// Returns the list under `name`.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    value[name]
        .as_array()
        .with_context(|| format!("no list {name} in {value}"))
}

/// Returns a JSON string.
pub(crate) fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .with_context(|| format!("no string: {value}"))
}
