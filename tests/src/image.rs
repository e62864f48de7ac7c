//! Construction of container images from files, as OCI layouts on disk.
//!
//! A layer flows through a chain of writers: tar headers and file contents are hashed (for the diff
//! ID), compressed, hashed again (for the blob's digest) and written. Only a buffer of it is in
//! memory at any time, so the demo's image may have any size. Headers contain no times and no
//! owners, so the same files give the same digests.

mod archive;
mod digest;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use flate2::write::GzEncoder;
use serde_json::{Value, json};

pub use archive::Archive;
use digest::Digester;

/// How a layer is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip at a fast level, to keep tests short, but not the fastest, at which zlib-rs writes a
    /// single block: decompression can only start between blocks.
    Gzip,
    /// A plain tar.
    None,
}

/// The family of media types that an image uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaTypes {
    /// `application/vnd.oci.image.…`
    Oci,
    /// `application/vnd.docker.…`
    Docker,
}

/// A layer in a layout.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The digest of the blob.
    pub digest: String,
    /// The size of the blob in bytes.
    pub size: u64,
    /// The digest of the tar.
    pub diff_id: String,
    /// The size of the tar in bytes.
    pub tar_size: u64,
    /// How the blob is stored.
    pub compression: Compression,
}

/// A layer as an image lists it.
#[derive(Clone, Copy, Debug)]
pub struct ListedLayer<'a> {
    /// The media type.
    pub media_type: &'a str,
    /// The digest of the blob.
    pub digest: &'a str,
    /// The size of the blob in bytes.
    pub size: u64,
    /// The digest of the tar.
    pub diff_id: &'a str,
}

/// An OCI image layout on disk.
#[derive(Debug)]
pub struct Layout {
    directory: PathBuf,
}

impl Layout {
    /// Creates an empty layout in `directory`.
    pub fn create(directory: impl Into<PathBuf>) -> Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(directory.join("blobs/sha256"))?;
        fs::write(
            directory.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )?;
        Ok(Self { directory })
    }

    /// Returns the directory of the layout.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a layer with the entries that `fill` adds.
    pub fn layer(
        &self,
        compression: Compression,
        fill: impl FnOnce(&mut Archive<'_>) -> Result<()>,
    ) -> Result<Layer> {
        let partial = self.directory.join("blobs/partial");
        let file = Digester::new(BufWriter::new(File::create(&partial)?));
        let (tar, blob) = match compression {
            Compression::Gzip => {
                let mut tar = Digester::new(GzEncoder::new(file, flate2::Compression::new(3)));
                archive::write(&mut tar, fill)?;
                let (encoder, tar) = tar.finish();
                (tar, encoder.finish()?)
            }
            Compression::None => {
                let mut tar = Digester::new(file);
                archive::write(&mut tar, fill)?;
                let (blob, tar) = tar.finish();
                (tar, blob)
            }
        };
        let (mut file, blob) = blob.finish();
        file.flush()?;
        fs::rename(&partial, self.blob(&blob.digest))?;
        Ok(Layer {
            digest: blob.digest,
            size: blob.size,
            diff_id: tar.digest,
            tar_size: tar.size,
            compression,
        })
    }

    /// Adds a layer built in another layout, given its content.
    pub fn copied_layer(&self, layer: &Layer, content: &[u8]) -> Result<()> {
        Ok(fs::write(self.blob(&layer.digest), content)?)
    }

    /// Adds the configuration and manifest of an image for Linux on `architecture`. Returns the
    /// manifest's descriptor.
    pub fn image(&self, architecture: &str, types: MediaTypes, layers: &[Layer]) -> Result<Value> {
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| ListedLayer {
                media_type: layer_type(types, layer.compression),
                digest: &layer.digest,
                size: layer.size,
                diff_id: &layer.diff_id,
            })
            .collect();
        self.image_of(architecture, types, &layers)
    }

    /// Adds an image like [`image`](Self::image), with layers of any kind.
    pub fn image_of(
        &self,
        architecture: &str,
        types: MediaTypes,
        layers: &[ListedLayer<'_>],
    ) -> Result<Value> {
        let diff_ids: Vec<_> = layers.iter().map(|layer| layer.diff_id).collect();
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let (config_type, manifest_type) = match types {
            MediaTypes::Oci => (
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.manifest.v1+json",
            ),
            MediaTypes::Docker => (
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.distribution.manifest.v2+json",
            ),
        };
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| {
                json!({"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size})
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": self.json_blob(config_type, &config)?,
            "layers": layers,
        });
        let mut descriptor = self.json_blob(manifest_type, &manifest)?;
        descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
        Ok(descriptor)
    }

    /// Adds an image index over `manifests` and returns its descriptor.
    pub fn index(&self, types: MediaTypes, manifests: &[Value]) -> Result<Value> {
        let media_type = match types {
            MediaTypes::Oci => "application/vnd.oci.image.index.v1+json",
            MediaTypes::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        };
        let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
        self.json_blob(media_type, &index)
    }

    /// Makes `descriptor` the image of the layout.
    pub fn publish(&self, descriptor: &Value) -> Result<()> {
        let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
        fs::write(self.directory.join("index.json"), index.to_string())?;
        Ok(())
    }

    /// Adds a JSON document and returns its descriptor.
    pub fn json_blob(&self, media_type: &str, value: &Value) -> Result<Value> {
        let mut digester = Digester::new(Vec::new());
        digester.write_all(value.to_string().as_bytes())?;
        let (bytes, blob) = digester.finish();
        fs::write(self.blob(&blob.digest), bytes)?;
        Ok(json!({"mediaType": media_type, "digest": blob.digest, "size": blob.size}))
    }

    /// Returns the file of a blob.
    pub fn blob(&self, digest: &str) -> PathBuf {
        self.directory.join("blobs").join(digest.replace(':', "/"))
    }
}

fn layer_type(types: MediaTypes, compression: Compression) -> &'static str {
    match (types, compression) {
        (MediaTypes::Oci, Compression::Gzip) => "application/vnd.oci.image.layer.v1.tar+gzip",
        (MediaTypes::Oci, Compression::None) => "application/vnd.oci.image.layer.v1.tar",
        (MediaTypes::Docker, Compression::Gzip) => {
            "application/vnd.docker.image.rootfs.diff.tar.gzip"
        }
        (MediaTypes::Docker, Compression::None) => "application/vnd.docker.image.rootfs.diff.tar",
    }
}

/// Returns `length` incompressible bytes, which are the same for the same `seed`.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    // splitmix64, which is well mixed from the first word on.
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Returns the digest of `bytes` as `sha256:<hex>`.
pub fn sha256(bytes: &[u8]) -> Result<String> {
    let mut digester = Digester::new(std::io::sink());
    digester.write_all(bytes)?;
    let (_, blob) = digester.finish();
    ensure!(blob.size == bytes.len() as u64, "not every byte was hashed");
    Ok(blob.digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_files(archive: &mut Archive<'_>) -> Result<()> {
        archive.file("etc/motd", b"hello\n")?;
        archive.file("data/noise", &noise(1, 100_000))
    }

    #[test]
    fn the_same_files_give_the_same_layer() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::create(directory.path()).unwrap();
        let one = layout.layer(Compression::Gzip, two_files).unwrap();
        let two = layout.layer(Compression::Gzip, two_files).unwrap();
        let plain = layout.layer(Compression::None, two_files).unwrap();
        assert_eq!(one.digest, two.digest);
        assert_eq!(one.diff_id, plain.digest);
        assert_eq!(plain.diff_id, plain.digest);
        assert_ne!(one.digest, plain.digest);
        let bytes = fs::read(layout.blob(&plain.digest)).unwrap();
        assert_eq!(sha256(&bytes).unwrap(), plain.digest);
        assert_eq!(bytes.len() as u64, plain.size);
    }

    #[test]
    fn noise_does_not_compress() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::create(directory.path()).unwrap();
        let layer = layout.layer(Compression::Gzip, two_files).unwrap();
        assert!(layer.size > 100_000, "{}", layer.size);
        assert_ne!(noise(1, 64), noise(2, 64));
    }
}
