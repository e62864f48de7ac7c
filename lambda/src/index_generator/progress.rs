//! Progress of an invocation, for logs, metrics and the message at the deadline.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use soci::oci::Descriptor;
use soci::ztoc::SkipReason;
use soci::{Report, Reused};

/// Counts layers, and their bytes as they are read.
#[derive(Default)]
pub(super) struct LayerProgress {
    started: AtomicU64,
    finished: AtomicU64,
    bytes: AtomicU64,
    reused: AtomicU64,
    reused_bytes: AtomicU64,
}

impl LayerProgress {
    /// Returns the number of layer bytes read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the number of layers that were already known and not read, and their size in bytes.
    pub(super) fn reused(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.reused), load(&self.reused_bytes))
    }

    /// Logs the result and summarizes it in a sentence.
    pub(super) fn summarize(&self, report: &Report, duration: Duration) -> String {
        for skipped in report.indexes.iter().flat_map(|index| &index.skipped) {
            tracing::info!(layer = %skipped.layer, reason = skipped.reason.to_string(), "layer skipped");
        }
        let ztocs = report.indexes.iter().map(|index| index.ztocs.len());
        let ztocs: usize = ztocs.sum();
        let skipped = report.indexes.iter().map(|index| index.skipped.len());
        let layers = ztocs + skipped.sum::<usize>();
        let output = report.digest.map(|digest| digest.to_string());
        let mut answer = format!(
            "indexed {}: {ztocs} of {layers} layers have a zTOC",
            report.source.digest
        );
        if report.reused.layers > 0 {
            let Reused { layers, bytes, .. } = report.reused;
            answer += &format!("; {layers} known from before, {bytes} bytes not read");
        }
        tracing::info!(
            indexVersion = report.version.name(),
            output,
            platforms = report.indexes.len(),
            layers,
            ztocs,
            ztocBytes = ztoc_bytes(report),
            bytes = self.bytes(),
            reusedLayers = report.reused.layers,
            reusedBytes = report.reused.bytes,
            milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            "{answer}"
        );
        answer
    }
}

/// Returns the total size of all zTOCs in bytes.
pub(super) fn ztoc_bytes(report: &Report) -> u64 {
    let ztocs = report.indexes.iter().flat_map(|index| &index.ztocs);
    ztocs.map(|ztoc| ztoc.size).sum()
}

impl fmt::Display for LayerProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finished = self.finished.load(Ordering::Relaxed);
        let started = self.started.load(Ordering::Relaxed);
        let bytes = self.bytes();
        write!(
            f,
            "{finished} layers read, {} being read, {bytes} bytes so far",
            started.saturating_sub(finished)
        )
    }
}

impl soci::Progress for LayerProgress {
    fn layer_started(&self, layer: &Descriptor) {
        self.started.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(layer = %layer.digest, bytes = layer.size, "reading layer");
    }

    fn layer_reused(&self, layer: &Descriptor) {
        self.reused.fetch_add(1, Ordering::Relaxed);
        self.reused_bytes.fetch_add(layer.size, Ordering::Relaxed);
        tracing::debug!(layer = %layer.digest, bytes = layer.size, "layer known");
    }

    fn layer_read(&self, _: &Descriptor, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn layer_finished(&self, layer: &Descriptor, skipped: Option<&SkipReason>) {
        self.finished.fetch_add(1, Ordering::Relaxed);
        if skipped.is_none() {
            tracing::debug!(layer = %layer.digest, "layer indexed");
        }
    }
}
