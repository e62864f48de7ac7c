//! Images of arbitrary layers, as OCI image layouts.

pub(crate) mod packing;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tests::image::{self, ListedLayer, MediaTypes};

use crate::archive::Archive;
use crate::store::Store;
use packing::Packing;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// An archive that goes to a file.
pub(crate) type LayerArchive = Archive<BufWriter<File>>;

/// A layer of a [`Layout`].
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) digest: String,
    /// Compressed, in bytes.
    pub(crate) size: u64,
    diff_id: String,
    media_type: &'static str,
    /// Its directories without an entry.
    pub(crate) implied: BTreeSet<PathBuf>,
}

/// An OCI image layout in the making.
#[derive(Debug)]
pub(crate) struct Layout {
    directory: TempDir,
    layout: image::Layout,
}

impl Layout {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("soci-image-").tempdir()?;
        let layout = image::Layout::create(directory.path())?;
        Ok(Self { directory, layout })
    }

    /// Adds a layer of what `fill` puts into its tar.
    pub(crate) fn layer(
        &self,
        packing: &Packing,
        fill: impl FnOnce(&mut LayerArchive) -> Result<()>,
    ) -> Result<Layer> {
        let tar = self.directory.path().join("tar");
        let mut archive = Archive::new(BufWriter::new(File::create(&tar)?));
        fill(&mut archive)?;
        let (implied, writer) = archive.finish()?;
        writer.into_inner().context("the tar cannot be written")?;
        let blob = self.directory.path().join("blob");
        packing.pack(&tar, &blob)?;
        let (diff_id, _) = digest(&tar)?;
        let (digest, size) = digest(&blob)?;
        fs::rename(&blob, self.blob(&digest))?;
        fs::remove_file(&tar)?;
        Ok(Layer {
            digest,
            size,
            diff_id,
            media_type: packing.media_type(),
            implied,
        })
    }

    /// Adds an image for linux on `architecture`; returns the descriptor of its manifest.
    pub(crate) fn image(&self, architecture: &str, layers: &[Layer]) -> Result<Value> {
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| ListedLayer {
                media_type: layer.media_type,
                digest: &layer.digest,
                size: layer.size,
                diff_id: &layer.diff_id,
            })
            .collect();
        self.layout.image_of(architecture, MediaTypes::Oci, &layers)
    }

    /// Adds an attestation of the image manifest `about`, as BuildKit makes them.
    pub(crate) fn attestation(&self, about: &Value) -> Result<Value> {
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": []});
        let media_type = "application/vnd.in-toto+json";
        let statement = self.layout.json_blob(media_type, &statement)?;
        let diff_ids = [&statement["digest"]];
        let config = json!({
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.layout.json_blob(CONFIG, &config)?,
            "layers": [statement],
        });
        let mut descriptor = self.layout.json_blob(MANIFEST, &manifest)?;
        descriptor["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        descriptor["annotations"] = json!({
            "vnd.docker.reference.digest": about["digest"],
            "vnd.docker.reference.type": "attestation-manifest",
        });
        Ok(descriptor)
    }

    /// Adds an image index; returns its descriptor.
    pub(crate) fn index(&self, manifests: &[Value]) -> Result<Value> {
        self.layout.index(MediaTypes::Oci, manifests)
    }

    /// Pushes the image of this descriptor as `name` (`shop/web:1`), byte for byte.
    pub(crate) fn push(&self, descriptor: &Value, store: &impl Store, name: &str) -> Result<()> {
        self.layout.publish(descriptor)?;
        store.push(self.directory(), name)
    }

    /// Where it is; what was pushed last is its image.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file of a blob.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.layout.blob(digest)
    }
}

/// The digest of a file and its size in bytes.
pub(crate) fn digest(path: &Path) -> Result<(String, u64)> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => {
                hash.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
    Ok((format!("sha256:{}", hex::encode(hash.finalize())), size))
}
