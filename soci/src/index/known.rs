//! Knowledge of layers that were indexed before, so that they are not read again.
//!
//! The zTOC of a layer follows from the layer and the options alone. So whoever indexes images that
//! share layers remembers what came out, under a key of everything that it follows from. The zTOC
//! itself stays where it was stored.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::options::Options;
use super::report::ZtocReport;
use crate::error::printable;
use crate::oci::{Descriptor, Digest};
use crate::ztoc::{BuiltZtoc, SkipReason};

/// Version of what a layer and options lead to. It changes whenever a layer gets another zTOC, gets
/// one where it had none, or is skipped where it had one.
const ALGORITHM: u32 = 2;

/// Key of everything that a layer's zTOC follows from: the layer, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KnownKey {
    /// Digest of the layer.
    pub layer: Digest,
    /// Digest of the options, of what else the layer's descriptor says, and of the version of the
    /// algorithm.
    pub options: Digest,
}

/// Everything beside the layer's bytes that its zTOC follows from.
#[derive(Serialize)]
struct Settings<'a> {
    algorithm: u32,
    size: u64,
    media_type: &'a str,
    span_size: u64,
    build_tool: &'a str,
    prefetch_files: &'a [String],
    max_memory: u64,
    multi_member_layers: bool,
}

impl KnownKey {
    pub(super) fn of(layer: &Descriptor, options: &Options) -> Self {
        let settings = Settings {
            algorithm: ALGORITHM,
            size: layer.size,
            media_type: &layer.media_type,
            span_size: options.ztoc.span_size,
            build_tool: &options.ztoc.build_tool,
            prefetch_files: &options.ztoc.prefetch_files,
            max_memory: options.ztoc.memory.limit(),
            multi_member_layers: options.multi_member_layers,
        };
        let settings = serde_json::to_vec(&settings).expect("strings and numbers are JSON");
        Self {
            layer: layer.digest,
            options: Digest::of(settings),
        }
    }
}

/// A digest of the layer and one of the rest, with a slash between them.
impl fmt::Display for KnownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.layer, self.options)
    }
}

/// Outcome of indexing a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KnownLayer {
    /// It has a zTOC.
    Indexed(KnownZtoc),
    /// It has none, for the reason given.
    Skipped(String),
}

/// The zTOC of a layer, and what an index says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KnownZtoc {
    /// Digest of the zTOC.
    pub digest: Digest,
    /// Size of the zTOC in bytes.
    pub size: u64,
    /// Number of files in the layer.
    pub files: usize,
    /// Number of spans in the layer.
    pub spans: usize,
    /// Whether any file has extended attributes or makes its directory opaque.
    pub needs_xattrs: bool,
    /// First and last span of each file to prefetch; `None` if it is not in the layer, or empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefetch: Vec<Option<(usize, usize)>>,
}

impl KnownZtoc {
    pub(super) fn of(ztoc: &BuiltZtoc) -> Self {
        let prefetch = ztoc.prefetch.iter();
        Self {
            digest: ztoc.digest,
            size: ztoc.size,
            files: ztoc.files,
            spans: ztoc.spans,
            needs_xattrs: ztoc.needs_xattrs,
            prefetch: prefetch
                .map(|spans| spans.as_ref().map(|spans| (*spans.start(), *spans.end())))
                .collect(),
        }
    }

    pub(super) fn report(&self, layer: Digest, reused: bool) -> ZtocReport {
        ZtocReport {
            layer,
            digest: self.digest,
            size: self.size,
            files: self.files,
            spans: self.spans,
            reused,
        }
    }

    /// Whether it answers what the options ask for: it may have been kept by anyone, for long.
    pub(super) fn fits(&self, options: &Options) -> bool {
        let mut prefetch = self.prefetch.iter().flatten();
        self.prefetch.len() == options.ztoc.prefetch_files.len()
            && prefetch.all(|(start, end)| start <= end && *end < self.spans)
    }
}

/// Knows layers that were indexed before.
///
/// What it says is trusted, so it must not come from whoever pushes images. A zTOC counts only if its
/// blob is in the destination. An implementation whose memory fails says so itself, and knows
/// nothing: that costs time and nothing else.
#[async_trait]
pub trait Knowledge: Send + Sync {
    /// Returns what came out when the layer was indexed with the same options. Called before the
    /// layer is read.
    async fn recall(&self, key: &KnownKey) -> Option<KnownLayer>;

    /// Remembers what came out. Called as soon as a layer was indexed and its zTOC is stored.
    async fn learn(&self, key: &KnownKey, known: &KnownLayer) {
        let _ = (key, known);
    }
}

/// Knows nothing, and learns nothing.
#[async_trait]
impl Knowledge for () {
    async fn recall(&self, _: &KnownKey) -> Option<KnownLayer> {
        None
    }
}

/// Returns what is to be remembered of a layer that was skipped; `None` if the reason is not in the
/// layer itself.
pub(super) fn of_skipped(reason: &SkipReason) -> Option<KnownLayer> {
    match reason {
        SkipReason::Foreign | SkipReason::TooSmall { .. } => None,
        reason => Some(KnownLayer::Skipped(reason.to_string())),
    }
}

/// Returns the reason for which a layer was skipped before.
pub(super) fn earlier_reason(text: &str) -> SkipReason {
    SkipReason::Earlier {
        reason: printable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryBudget;

    #[test]
    fn everything_counts() {
        let layer = Descriptor::of("application/vnd.oci.image.layer.v1.tar", b"layer");
        let plain = Options::default();
        let mut keys = vec![KnownKey::of(&layer, &plain)];
        let mut vary = |change: &dyn Fn(&mut Descriptor, &mut Options)| {
            let (mut layer, mut options) = (layer.clone(), plain.clone());
            change(&mut layer, &mut options);
            keys.push(KnownKey::of(&layer, &options));
        };
        vary(&|layer, _| layer.digest = Digest::of("another"));
        vary(&|layer, _| layer.size += 1);
        vary(&|layer, _| layer.media_type += "+gzip");
        vary(&|_, options| options.ztoc.span_size += 1);
        vary(&|_, options| options.ztoc.build_tool += "x");
        vary(&|_, options| options.ztoc.prefetch_files.push("bin/sh".to_owned()));
        vary(&|_, options| options.ztoc.memory = MemoryBudget::new(1));
        vary(&|_, options| options.multi_member_layers = true);
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn what_is_remembered_is_checked() {
        let options = Options::default();
        let mut ztoc = KnownZtoc {
            digest: Digest::of("zTOC"),
            size: 4,
            files: 1,
            spans: 2,
            needs_xattrs: false,
            prefetch: Vec::new(),
        };
        assert!(ztoc.fits(&options));
        let mut wanting = options.clone();
        wanting.ztoc.prefetch_files = vec!["bin/sh".to_owned()];
        assert!(!ztoc.fits(&wanting));
        for (spans, want) in [((0, 1), true), ((1, 0), false), ((0, 2), false)] {
            ztoc.prefetch = vec![Some(spans)];
            assert_eq!(ztoc.fits(&wanting), want, "{spans:?}");
        }
    }
}
