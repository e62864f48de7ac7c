//! Manifests, parsed as far as needed to tell whether an image has an index.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::scope::SOCI_INDEXES;

/// Platform of manifests that describe other manifests.
const ATTESTATION: &str = "unknown";
/// Maximum number of manifests of an image index that are compared. Larger ones are left to the
/// index generator.
pub(super) const MAX_LISTED: usize = 64;

/// The content that an image runs: the digests of its configuration and layers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Content {
    config: String,
    layers: Vec<String>,
}

/// An image index, an image manifest, or a SOCI index.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    manifests: Option<Vec<Entry>>,
    config: Option<Blob>,
    #[serde(default)]
    layers: Vec<Blob>,
    subject: Option<Blob>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    digest: String,
    artifact_type: Option<String>,
    platform: Option<Platform>,
}

#[derive(Debug, Deserialize)]
struct Platform {
    os: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Blob {
    digest: String,
}

impl Document {
    /// Parses a manifest. Returns `None` if it is none of these kinds.
    pub(super) fn parse(manifest: &str) -> Option<Self> {
        let document: Self = serde_json::from_str(manifest).ok()?;
        let listed = document.manifests.as_ref().map_or(0, Vec::len);
        (listed <= MAX_LISTED).then_some(document)
    }

    /// Returns the content of an image manifest.
    pub(super) fn content(self) -> Option<Content> {
        let layers = self.layers.into_iter();
        Some(Content {
            config: self.config?.digest,
            layers: layers.map(|layer| layer.digest).collect(),
        })
    }

    /// Returns the subject of a SOCI index (V1).
    pub(super) fn into_subject(self) -> Option<String> {
        Some(self.subject?.digest)
    }

    /// Returns whether this is an image index that lists a SOCI index.
    pub(super) fn is_soci_enabled(&self) -> bool {
        let listed = self.manifests.iter().flatten();
        listed.into_iter().any(Entry::is_soci_index)
    }

    /// Returns the manifests that an image index lists other than SOCI indexes, or `None` for an
    /// image manifest.
    pub(super) fn listed(&self) -> Option<BTreeSet<&str>> {
        let listed = self.manifests.as_ref()?.iter();
        let listed = listed.filter(|entry| !entry.is_soci_index());
        Some(listed.map(|entry| entry.digest.as_str()).collect())
    }

    /// Returns the image manifests that an image index lists, or `None` for an image manifest.
    pub(super) fn platforms(&self) -> Option<BTreeSet<&str>> {
        let listed = self.manifests.as_ref()?.iter();
        let images = listed.filter(|entry| {
            let os = entry.platform.as_ref().and_then(|its| its.os.as_deref());
            entry.artifact_type.is_none() && os != Some(ATTESTATION)
        });
        Some(images.map(|entry| entry.digest.as_str()).collect())
    }
}

impl Entry {
    fn is_soci_index(&self) -> bool {
        let kind = self.artifact_type.as_deref();
        kind.is_some_and(|kind| SOCI_INDEXES.contains(&kind))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_manifest_tells() {
        let index = json!({
            "schemaVersion": 2,
            "manifests": [
                {"digest": "m", "platform": {"os": "linux"}},
                {"digest": "a", "platform": {"os": "unknown"}},
                {"digest": "s", "artifactType": SOCI_INDEXES[1]},
            ],
        });
        let index = Document::parse(&index.to_string()).unwrap();
        assert!(index.is_soci_enabled());
        assert_eq!(index.listed(), Some(["a", "m"].into()));
        assert_eq!(index.platforms(), Some(["m"].into()));
        let image = json!({"config": {"digest": "c"}, "layers": [{"digest": "l"}]});
        let image = Document::parse(&image.to_string()).unwrap();
        assert!(!image.is_soci_enabled());
        assert_eq!((image.listed(), image.platforms()), (None, None));
        let content = image.content().unwrap();
        assert_eq!(
            (&*content.config, &content.layers[..]),
            ("c", &["l".to_owned()][..])
        );
        let soci = json!({"config": {"digest": "c"}, "subject": {"digest": "m"}});
        let soci = Document::parse(&soci.to_string()).unwrap();
        assert_eq!(soci.into_subject().as_deref(), Some("m"));
    }

    #[test]
    fn what_is_no_manifest_or_too_long_is_left_out() {
        let entries = vec![json!({"digest": "m"}); MAX_LISTED + 1];
        for text in [
            "?".to_owned(),
            "[]".to_owned(),
            json!({"manifests": "x"}).to_string(),
            json!({"manifests": entries}).to_string(),
        ] {
            assert!(Document::parse(&text).is_none(), "{text}");
        }
    }
}
