//! What most tests begin with: a registry with an image, and a configuration that indexes it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::image::{Archive, Compression, Layer, Layout, MediaTypes, noise};
use tests::interrupt::Interrupt;
use tests::registry::{Manifest, Registry};
use tests::skopeo;
use tests::terraform::{Resource, Terraform, configuration};

/// The address of the one resource.
pub(crate) const ADDRESS: &str = "soci_index.this";
/// The repository of the image.
pub(crate) const REPOSITORY: &str = "shop/web";
/// The tag of the image.
pub(crate) const TAG: &str = "1.4";
/// The tag of the SOCI-enabled image.
pub(crate) const ENABLED: &str = "1.4-soci";

/// An image index of OCI.
pub(crate) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// A manifest of OCI.
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A layer of so many random bytes is above the 10 MiB below which a layer gets no zTOC.
const LARGE: usize = 11 * 1024 * 1024;

/// A registry with an image in it, and a terraform that is about it.
pub(crate) struct Scenario {
    pub(crate) registry: Registry,
    pub(crate) terraform: Terraform,
}

impl Scenario {
    /// The usual image for one platform; `terraform init` is done, nothing is applied.
    pub(crate) fn new(arguments: &str) -> Result<Self> {
        let registry = Registry::start()?;
        push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
        let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
        Ok(Self {
            terraform: initialised(&reference, arguments)?,
            registry,
        })
    }

    /// Writes the configuration again, with other arguments.
    pub(crate) fn configure(&self, arguments: &str) -> Result<()> {
        self.terraform
            .write("main.tf", &configuration(&self.image(), arguments))
    }

    /// The image by its tag.
    pub(crate) fn image(&self) -> String {
        self.registry.reference(&format!("{REPOSITORY}:{TAG}"))
    }

    /// The resource in the state.
    pub(crate) fn resource(&self) -> Result<Resource> {
        self.terraform.expect_resource(ADDRESS)
    }

    /// The manifest under a tag or digest of the image's repository.
    pub(crate) fn manifest(&self, reference: &str) -> Result<Manifest> {
        self.registry.expect_manifest(REPOSITORY, reference)
    }

    /// Checks that a plan has nothing to do.
    pub(crate) fn expect_empty_plan(&self) -> Result<()> {
        let plan = self.terraform.plan()?;
        ensure!(!plan.changes, "the plan is not empty:\n{}", plan.output);
        Ok(())
    }

    /// Checks that a plan has something to do.
    pub(crate) fn expect_changes(&self) -> Result<()> {
        let plan = self.terraform.plan()?;
        ensure!(plan.changes, "the plan is empty:\n{}", plan.output);
        Ok(())
    }

    /// The SOCI indexes of the SOCI-enabled image, checked from the tag down to the blobs.
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

    /// A SOCI index with all its zTOCs.
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

/// A terraform with one resource about `image`, after `terraform init`.
pub(crate) fn initialised(image: &str, arguments: &str) -> Result<Terraform> {
    let terraform = Terraform::new()?;
    terraform.write("main.tf", &configuration(image, arguments))?;
    terraform.init()?;
    Ok(terraform)
}

/// Pushes what `make` puts into a layout, under a tag of [`REPOSITORY`].
pub(crate) fn push(
    registry: &Registry,
    tag: &str,
    make: impl FnOnce(&Layout) -> Result<Value>,
) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let layout = Layout::create(directory.path())?;
    let descriptor = make(&layout)?;
    layout.publish(&descriptor)?;
    let name = format!("{REPOSITORY}:{tag}");
    skopeo::push(layout.directory(), registry, &name, &Interrupt::default())
}

/// An image with a small layer and a large one, whose content `seed` decides.
pub(crate) fn image(layout: &Layout, architecture: &str, seed: u64) -> Result<Value> {
    layout.image(
        architecture,
        MediaTypes::Oci,
        &layers(layout, Compression::Gzip, seed)?,
    )
}

/// The layers of [`image`].
pub(crate) fn layers(layout: &Layout, kind: Compression, seed: u64) -> Result<Vec<Layer>> {
    let base = layout.layer(kind, |archive| archive.file("etc/hostname", b"web\n"))?;
    let large = layout.layer(kind, |archive| large(archive, seed))?;
    Ok(vec![base, large])
}

fn large(archive: &mut Archive<'_>, seed: u64) -> Result<()> {
    archive.file("srv/data", &noise(seed, LARGE))?;
    archive.file("srv/readme", b"the data beside this file is random\n")
}

/// The digest of the large layer of the image under `tag`.
pub(crate) fn large_layer(registry: &Registry, tag: &str) -> Result<String> {
    let manifest = registry.expect_manifest(REPOSITORY, tag)?;
    let layers = list(&manifest.json, "layers")?;
    Ok(text(&layers.last().context("no layers")?["digest"])?.to_owned())
}

/// The list under `name`.
pub(crate) fn list<'a>(document: &'a Value, name: &str) -> Result<&'a Vec<Value>> {
    document[name]
        .as_array()
        .with_context(|| format!("no list {name} in {document}"))
}

/// A JSON string.
pub(crate) fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .with_context(|| format!("no string: {value}"))
}
