//! Knowledge of layers that were indexed before, so that they need not be read again.
//!
//! The zTOC of a layer is determined by the layer and the options alone. A caller that indexes
//! images with shared layers can therefore remember results under a key of everything that
//! determines them. The zTOC itself stays where it was stored.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::options::Options;
use super::report::ZtocReport;
use crate::error::printable;
use crate::oci::{Descriptor, Digest};
use crate::ztoc::{BuiltZtoc, SkipReason};

/// Version of the indexing algorithm. It changes whenever a layer gets a different zTOC, gets one
/// where it had none, or is skipped where it had one.
const ALGORITHM: u32 = 2;

/// Key of everything that determines a layer's zTOC: the layer, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KnownKey {
    /// Digest of the layer.
    pub layer: Digest,
    /// Digest of the options, the other relevant fields of the layer's descriptor, and the version
    /// of the algorithm.
    pub options: Digest,
}

/// Everything other than the layer's bytes that determines its zTOC.
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

/// Prints the layer's digest and that of the options, separated by a slash.
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
    /// It has none, for the given reason.
    Skipped(String),
}

/// The zTOC of a layer, and the facts about it that an index states.
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
    /// First and last span of each file to prefetch; `None` if the file is not in the layer or is
    /// empty.
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

    /// Returns whether this result is usable with the options. It comes from an external store, and
    /// may be old.
    pub(super) fn fits(&self, options: &Options) -> bool {
        let mut prefetch = self.prefetch.iter().flatten();
        self.prefetch.len() == options.ztoc.prefetch_files.len()
            && prefetch.all(|(start, end)| start <= end && *end < self.spans)
    }
}

/// Source of results for layers that were indexed before.
///
/// Its answers are trusted, so they must not come from whoever pushes images. A zTOC counts only if
/// its blob is in the destination. An implementation whose store fails reports that itself and
/// returns nothing, which costs only time.
#[async_trait]
pub trait Knowledge: Send + Sync {
    /// Returns the earlier result of indexing the layer with the same options. Called before the
    /// layer is read.
    async fn recall(&self, key: &KnownKey) -> Option<KnownLayer>;

    /// Remembers a result. Called as soon as a layer has been indexed and its zTOC is stored.
    async fn learn(&self, key: &KnownKey, known: &KnownLayer) {
        let _ = (key, known);
    }
}

/// Knows no layers, and learns none.
#[async_trait]
impl Knowledge for () {
    async fn recall(&self, _: &KnownKey) -> Option<KnownLayer> {
        None
    }
}

/// Returns the result to remember for a layer that was skipped, or `None` if the reason lies
/// outside the layer itself.
pub(super) fn of_skipped(reason: &SkipReason) -> Option<KnownLayer> {
    match reason {
        SkipReason::Foreign | SkipReason::TooSmall { .. } => None,
        reason => Some(KnownLayer::Skipped(reason.to_string())),
    }
}

/// Converts a remembered reason for skipping a layer.
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
