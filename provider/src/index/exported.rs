//! The computed attributes of an indexed image.

use serde::{Deserialize, Serialize};
use soci::{CompleteIndex, Deployment, Digest, Report};
use tfplugin_sdk::{Diagnostic, Value};

use super::settings::Settings;

/// An element of `indexes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexEntry {
    pub platform: String,
    pub manifest_digest: String,
    pub digest: String,
    pub size: u64,
    pub ztoc_count: usize,
    pub skipped_layers: usize,
}

impl From<&CompleteIndex> for IndexEntry {
    fn from(index: &CompleteIndex) -> Self {
        Self {
            platform: index.platform.clone(),
            manifest_digest: index.manifest.to_string(),
            digest: index.digest.to_string(),
            size: index.size,
            ztoc_count: index.indexed_layers,
            skipped_layers: index.layers.saturating_sub(index.indexed_layers),
        }
    }
}

/// Returns the entries of complete indexes.
pub(super) fn entries(indexes: &[CompleteIndex]) -> Vec<IndexEntry> {
    indexes.iter().map(IndexEntry::from).collect()
}

/// The computed attributes of an image, indexed or not.
pub(super) struct Exported {
    pub source: Digest,
    /// The SOCI-enabled image (V2).
    pub enabled: Option<Digest>,
    pub indexes: Vec<IndexEntry>,
}

impl Exported {
    /// Returns the attributes of a new build.
    pub(super) fn new(report: &Report) -> Self {
        let indexes = report.indexes.iter().filter_map(|index| {
            Some(IndexEntry {
                platform: index.platform.clone(),
                manifest_digest: index.manifest.to_string(),
                digest: index.digest?.to_string(),
                size: index.size,
                ztoc_count: index.ztocs.len(),
                skipped_layers: index.skipped.len(),
            })
        });
        Self {
            source: report.source.digest,
            enabled: report.digest,
            indexes: indexes.collect(),
        }
    }

    /// Returns the attributes of a deployment.
    pub(super) fn of(found: &Deployment) -> Self {
        Self {
            source: found.source,
            enabled: found.enabled,
            indexes: entries(&found.indexes),
        }
    }

    /// Writes the attributes to a state. Leaves `id` as it is.
    pub(super) fn write(&self, state: &mut Value, settings: &Settings) -> Result<(), Diagnostic> {
        let first = self.indexes.first().map(|index| index.digest.clone());
        let enabled = self.enabled.map(|digest| digest.to_string());
        let deploy = self.enabled.unwrap_or(self.source);
        state.set("source_digest", self.source.to_string());
        state.set("digest", enabled.or(first));
        state.set("image_uri", format!("{}@{deploy}", settings.image.name()));
        write_indexes(state, &self.indexes)
    }
}

/// Writes the attribute `indexes` to a state.
pub(super) fn write_indexes(state: &mut Value, indexes: &[IndexEntry]) -> Result<(), Diagnostic> {
    let indexes = Value::from_serialize(&indexes)
        .map_err(|error| Diagnostic::error("Indexes not representable", error.to_string()))?;
    state.set("indexes", indexes);
    Ok(())
}
