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

use crate::archive::Archive;
use crate::store::Store;
use packing::Packing;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
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
}

impl Layout {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("soci-image-").tempdir()?;
        fs::create_dir_all(directory.path().join("blobs/sha256"))?;
        let version = json!({"imageLayoutVersion": "1.0.0"});
        fs::write(directory.path().join("oci-layout"), version.to_string())?;
        Ok(Self { directory })
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
        let diff_ids: Vec<_> = layers.iter().map(|layer| &layer.diff_id).collect();
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let layers = layers.iter().map(|layer| {
            json!({"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size})
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.manifest(CONFIG, &config)?,
            "layers": layers.collect::<Vec<_>>(),
        });
        let mut descriptor = self.manifest(MANIFEST, &manifest)?;
        descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
        Ok(descriptor)
    }

    /// Adds an attestation of the image manifest `about`, as BuildKit makes them.
    pub(crate) fn attestation(&self, about: &Value) -> Result<Value> {
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": []});
        let media_type = "application/vnd.in-toto+json";
        let statement = self.manifest(media_type, &statement)?;
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
            "config": self.manifest(CONFIG, &config)?,
            "layers": [statement],
        });
        let mut descriptor = self.manifest(MANIFEST, &manifest)?;
        descriptor["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        descriptor["annotations"] = json!({
            "vnd.docker.reference.digest": about["digest"],
            "vnd.docker.reference.type": "attestation-manifest",
        });
        Ok(descriptor)
    }

    /// Adds an image index; returns its descriptor.
    pub(crate) fn index(&self, manifests: &[Value]) -> Result<Value> {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.manifest(INDEX, &index)
    }

    /// Pushes the image of this descriptor as `name` (`shop/web:1`), byte for byte.
    pub(crate) fn push(&self, descriptor: &Value, store: &impl Store, name: &str) -> Result<()> {
        let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
        let directory = self.directory.path();
        fs::write(directory.join("index.json"), index.to_string())?;
        store.push(directory, name)
    }

    /// Where it is; what was pushed last is its image.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file of a blob.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        let blobs = self.directory.path().join("blobs");
        blobs.join(digest.replace(':', "/"))
    }

    fn manifest(&self, media_type: &str, content: &Value) -> Result<Value> {
        let content = content.to_string();
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&content)));
        fs::write(self.blob(&digest), &content)?;
        Ok(json!({"mediaType": media_type, "digest": digest, "size": content.len()}))
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
