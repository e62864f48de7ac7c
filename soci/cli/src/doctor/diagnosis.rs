//! The diagnosis of an image.

use serde::Serialize;
use soci::Digest;

/// Facts about an image: whether it will be loaded lazily, and if not, why.
#[derive(Debug, Serialize)]
pub(super) struct Diagnosis {
    /// Whether every platform is loaded lazily.
    pub lazy: bool,
    pub image: String,
    pub source: Digest,
    /// The image to deploy, pinned by digest.
    pub deploy: String,
    /// Version of the index that was found.
    pub version: Option<&'static str>,
    pub platforms: Vec<Platform>,
    /// Reasons why the image or part of it is not loaded lazily.
    pub problems: Vec<String>,
    /// Requirements for container hosts.
    pub needs: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Platform {
    pub platform: String,
    pub lazy: bool,
    pub index: Option<Digest>,
    pub layers: Vec<Layer>,
}

#[derive(Debug, Serialize)]
pub(super) struct Layer {
    pub digest: Digest,
    /// Compressed size in bytes.
    pub size: u64,
    #[serde(flatten)]
    pub state: State,
}

/// How a layer is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "loaded")]
pub(super) enum State {
    /// File by file.
    Lazily { ztoc: Digest, spans: usize },
    /// Downloaded before the container starts.
    Whole { reason: String },
    /// Downloaded as a whole, or not at all, because its zTOC is unusable.
    Broken { ztoc: Digest, reason: String },
    /// Downloaded as a whole because there is no index, although one could be
    /// built.
    NotYet,
}
