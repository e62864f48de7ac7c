//! Metrics of an invocation.

use std::time::Duration;

use soci::Report;

use super::progress::{LayerProgress, ztoc_bytes};
use crate::metrics::{About, Metric};
use crate::runtime::Invocation;

/// Metrics of an invocation.
pub(super) struct Metrics {
    about: About,
    /// Counts of images that were indexed, skipped, failed or continued.
    images: [u64; 4],
    /// Number of removed indexes; `None` if removal is disabled.
    removed: Option<u64>,
    bytes: u64,
    /// Number of layers that were already known, and their size in bytes.
    reused: (u64, u64),
    ztoc_bytes: u64,
    /// Number of completion events that could not be sent; `None` if they are
    /// disabled.
    unreported: Option<u64>,
    duration: Duration,
}

impl Metrics {
    pub(super) fn new(
        invocation: &Invocation,
        progress: &LayerProgress,
        duration: Duration,
    ) -> Self {
        Self {
            about: About::new(invocation),
            images: [0; 4],
            removed: None,
            bytes: progress.bytes(),
            reused: progress.reused(),
            ztoc_bytes: 0,
            unreported: None,
            duration,
        }
    }

    /// Sets the number of completion events that could not be sent, if they are
    /// enabled.
    pub(super) fn unreported(mut self, events: Option<u64>) -> Self {
        self.unreported = events;
        self
    }

    /// Includes the number of removed indexes, if removal is enabled.
    pub(super) fn with_removals(mut self, removes: bool) -> Self {
        self.removed = removes.then_some(0);
        self
    }

    pub(super) fn indexed(mut self, report: &Report) -> Self {
        self.images[0] = 1;
        self.ztoc_bytes = ztoc_bytes(report);
        self
    }

    pub(super) fn skipped(mut self) -> Self {
        self.images[1] = 1;
        self
    }

    pub(super) fn failed(mut self) -> Self {
        self.images[2] = 1;
        self
    }

    pub(super) fn continued(mut self) -> Self {
        self.images[3] = 1;
        self
    }

    pub(super) fn removed(mut self) -> Self {
        self.removed = Some(1);
        self
    }

    /// Writes the metrics line, whatever the log level.
    pub(super) fn write(&self) {
        self.about.write(&self.all());
    }

    fn all(&self) -> Vec<Metric> {
        let [indexed, skipped, failed, continued] = self.images;
        let (reused, reused_bytes) = self.reused;
        let duration = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        let mut all = vec![
            Metric::count("ImagesIndexed", indexed),
            Metric::count("ImagesSkipped", skipped),
            Metric::count("ImagesFailed", failed),
            Metric::count("ImagesContinued", continued),
            Metric::bytes("LayerBytes", self.bytes),
            Metric::count("ReusedLayers", reused),
            Metric::bytes("ReusedBytes", reused_bytes),
            Metric::bytes("ZtocBytes", self.ztoc_bytes),
            Metric::milliseconds("Duration", duration),
        ];
        // CloudWatch bills every metric.
        let (removed, unreported) = (self.removed, self.unreported);
        all.extend(removed.map(|images| Metric::count("ImagesRemoved", images)));
        all.extend(unreported.map(|events| Metric::count("CompletionEventsFailed", events)));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;
    use crate::metrics::guide;

    fn metrics() -> Metrics {
        Metrics {
            about: About {
                function: "soci-generator".to_owned(),
                request_id: "1".to_owned(),
            },
            images: [0; 4],
            removed: Some(0),
            bytes: 7,
            reused: (1, 2),
            ztoc_bytes: 0,
            unreported: Some(0),
            duration: Duration::from_millis(1500),
        }
    }

    #[test]
    fn the_guide_has_every_metric() {
        guide::check("## Metrics of the index generator", &metrics().all());
    }

    #[test]
    fn every_metric_has_a_value() {
        let metrics = metrics().skipped();
        let line = metrics.about.line(&metrics.all(), "WARN", UNIX_EPOCH);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            assert!(line[name].is_u64(), "{name}");
        }
        assert_eq!(line["level"], "WARN");
        let dimension = directive["Dimensions"][0][0].as_str().unwrap();
        assert_eq!(line[dimension], "soci-generator");
        assert_eq!(
            (&line["ImagesSkipped"], &line["Duration"]),
            (&json!(1), &json!(1500))
        );
    }
}
