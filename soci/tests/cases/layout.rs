//! Image layouts made for a test.

use std::path::Path;

use serde_json::{Value, json};
use soci::{Digest, LayoutImage};
use tempfile::TempDir;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A layout in a temporary directory.
pub(crate) struct Layout(pub TempDir);

impl Layout {
    pub(crate) fn new() -> Self {
        let layout = Self(tempfile::tempdir().expect("a temporary directory"));
        std::fs::create_dir_all(layout.path().join("blobs/sha256")).expect("made");
        std::fs::write(
            layout.path().join("oci-layout"),
            br#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .expect("written");
        layout
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn image(&self) -> LayoutImage {
        LayoutImage::new(self.path())
    }

    /// Stores a blob; returns its descriptor.
    pub(crate) fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        let path = self.path().join("blobs/sha256").join(digest.hex());
        std::fs::write(path, bytes).expect("written");
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// Stores an image of these layers; returns its descriptor.
    pub(crate) fn manifest(&self, architecture: &str, layers: &[Value]) -> Value {
        let config = json!({"architecture": architecture, "os": "linux"}).to_string();
        let config = self.blob(
            "application/vnd.oci.image.config.v1+json",
            config.as_bytes(),
        );
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers,
        });
        self.blob(OCI_MANIFEST, manifest.to_string().as_bytes())
    }

    /// Stores an image index; returns its descriptor.
    pub(crate) fn index(&self, manifests: &[Value]) -> Value {
        let index = json!({
            "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests,
        });
        self.blob(OCI_INDEX, index.to_string().as_bytes())
    }

    /// Lists these images in the layout.
    pub(crate) fn list(&self, images: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": images});
        std::fs::write(self.path().join("index.json"), index.to_string()).expect("written");
    }
}

/// Returns a tar with one file.
pub(crate) fn tar(content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.append_data(&mut header, "file", content).expect("tar");
    tar.into_inner().expect("tar")
}

/// Compresses with gzip, in one member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(bytes).expect("memory");
    gzip.finish().expect("memory")
}
