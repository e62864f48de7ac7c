//! Metrics in CloudWatch's embedded metric format: a line of the log that CloudWatch reads
//! numbers from, without a request.
//!
//! Lambda drops lines below the function's log level, and takes a line without a valid level or
//! timestamp for `INFO`. So that metrics survive every log level, their line has the least severe
//! level that passes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use soci::Report;

use super::progress::{LayerProgress, ztoc_bytes};
use crate::log;
use crate::runtime::Invocation;

const NAMESPACE: &str = "SociIndexBuilder";

/// The numbers of one invocation.
pub(super) struct Metrics {
    function: String,
    request_id: String,
    /// Indexed, skipped, failed, continued.
    images: [u64; 4],
    bytes: u64,
    /// Layers that were known, and their bytes.
    reused: (u64, u64),
    ztoc_bytes: u64,
    /// Completion events that could not be sent; none if none are to be sent.
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
            function: invocation.function().to_owned(),
            request_id: invocation.request_id().to_owned(),
            images: [0; 4],
            bytes: progress.bytes(),
            reused: progress.reused(),
            ztoc_bytes: 0,
            unreported: None,
            duration,
        }
    }

    /// Counts the completion events that could not be sent, if any are to be sent.
    pub(super) fn unreported(mut self, events: Option<u64>) -> Self {
        self.unreported = events;
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

    /// Writes the line, whatever the log level.
    pub(super) fn write(&self) {
        log::write(&self.line(log::surviving_level(), SystemTime::now()));
    }

    fn line(&self, level: &str, now: SystemTime) -> Value {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).ok();
        let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
        let [indexed, skipped, failed, continued] = self.images;
        let (reused, reused_bytes) = self.reused;
        let mut metrics = vec![
            metric("ImagesIndexed", "Count"),
            metric("ImagesSkipped", "Count"),
            metric("ImagesFailed", "Count"),
            metric("ImagesContinued", "Count"),
            metric("LayerBytes", "Bytes"),
            metric("ReusedLayers", "Count"),
            metric("ReusedBytes", "Bytes"),
            metric("ZtocBytes", "Bytes"),
            metric("Duration", "Milliseconds"),
        ];
        // CloudWatch bills every metric.
        metrics.extend(
            self.unreported
                .map(|_| metric("CompletionEventsFailed", "Count")),
        );
        let mut line = json!({
            "_aws": {
                "Timestamp": milliseconds(since),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["FunctionName"]],
                    "Metrics": metrics,
                }],
            },
            "FunctionName": self.function,
            "ImagesIndexed": indexed,
            "ImagesSkipped": skipped,
            "ImagesFailed": failed,
            "ImagesContinued": continued,
            "LayerBytes": self.bytes,
            "ReusedLayers": reused,
            "ReusedBytes": reused_bytes,
            "ZtocBytes": self.ztoc_bytes,
            "Duration": milliseconds(self.duration),
            "level": level,
            "timestamp": log::timestamp(now),
            "requestId": self.request_id,
        });
        if let Some(events) = self.unreported {
            line["CompletionEventsFailed"] = events.into();
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/guides/monitoring.md"
    ));
    const EXAMPLES: [&str; 2] = [
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../examples/monitoring/main.tf"
        )),
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../examples/monitoring/dashboard.json"
        )),
    ];

    fn metrics() -> Metrics {
        Metrics {
            function: "soci-generator".to_owned(),
            request_id: "1".to_owned(),
            images: [0; 4],
            bytes: 7,
            reused: (1, 2),
            ztoc_bytes: 0,
            unreported: Some(0),
            duration: Duration::from_millis(1500),
        }
    }

    #[test]
    fn the_guide_has_every_metric_and_no_other() {
        let line = metrics().line("INFO", UNIX_EPOCH);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let rows = directive["Metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| {
                let text = |field: &str| metric[field].as_str().unwrap();
                format!("| `{}` | {} |", text("Name"), text("Unit"))
            });
        let rows: Vec<String> = rows.collect();
        let table = GUIDE.lines().filter(|line| line.ends_with(" |"));
        let table = table.filter(|line| line.starts_with("| `") && !line.starts_with("| `AWS/"));
        let table: Vec<&str> = table.collect();
        assert_eq!(table.len(), rows.len());
        for (line, row) in table.iter().zip(&rows) {
            assert!(line.starts_with(row), "{line}; want {row}");
        }
        assert!(GUIDE.contains(&format!("namespace `{NAMESPACE}`")));
        // Each is in the dashboard or in an alarm, but for what its bytes show as well.
        for row in rows.iter().filter(|row| !row.contains("ReusedLayers")) {
            let name = row.split('`').nth(1).unwrap();
            let shown = EXAMPLES
                .iter()
                .any(|it| it.contains(&format!("\"{name}\"")));
            assert!(shown, "{name} is in no example");
        }
        assert!(
            EXAMPLES
                .iter()
                .all(|it| it.contains(&format!("\"{NAMESPACE}\"")))
        );
    }

    #[test]
    fn every_metric_has_a_value() {
        let line = metrics().skipped().line("WARN", UNIX_EPOCH);
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
