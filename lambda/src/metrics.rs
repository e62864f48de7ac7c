//! Metrics in CloudWatch's embedded metric format: a log line from which CloudWatch extracts
//! numbers, without a request.
//!
//! Lambda drops lines below the function's log level, and treats a line without a valid level or
//! timestamp as `INFO`. For metrics to survive every log level, their line has the least severe
//! level that is not dropped.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::log;
use crate::runtime::Invocation;

const NAMESPACE: &str = "SociIndexBuilder";

/// A metric of an invocation.
pub(crate) struct Metric {
    pub name: &'static str,
    pub unit: &'static str,
    pub value: u64,
}

impl Metric {
    /// Returns a metric that counts something.
    pub(crate) fn count(name: &'static str, value: u64) -> Self {
        let unit = "Count";
        Self { name, unit, value }
    }

    /// Returns a metric in bytes.
    pub(crate) fn bytes(name: &'static str, value: u64) -> Self {
        let unit = "Bytes";
        Self { name, unit, value }
    }

    /// Returns a metric in milliseconds.
    pub(crate) fn milliseconds(name: &'static str, value: u64) -> Self {
        let unit = "Milliseconds";
        Self { name, unit, value }
    }
}

/// The invocation that metrics describe.
pub(crate) struct About {
    pub function: String,
    pub request_id: String,
}

impl About {
    pub(crate) fn new(invocation: &Invocation) -> Self {
        Self {
            function: invocation.function().to_owned(),
            request_id: invocation.request_id().to_owned(),
        }
    }

    /// Writes a line with these metrics, whatever the log level.
    pub(crate) fn write(&self, metrics: &[Metric]) {
        let level = log::surviving_level();
        log::write(&self.line(metrics, level, SystemTime::now()));
    }

    /// Returns the line.
    pub(crate) fn line(&self, metrics: &[Metric], level: &str, now: SystemTime) -> Value {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let directives = metrics.iter();
        let directives = directives.map(|metric| json!({"Name": metric.name, "Unit": metric.unit}));
        let mut line = json!({
            "_aws": {
                "Timestamp": u64::try_from(since.as_millis()).ok(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["FunctionName"]],
                    "Metrics": directives.collect::<Vec<_>>(),
                }],
            },
            "FunctionName": self.function,
            "level": level,
            "timestamp": log::timestamp(now),
            "requestId": self.request_id,
        });
        for metric in metrics {
            line[metric.name] = metric.value.into();
        }
        line
    }
}

#[cfg(test)]
pub(crate) mod guide {
    use super::{Metric, NAMESPACE};

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

    /// Checks that a section of the guide has exactly these metrics, and that the examples show
    /// them.
    pub(crate) fn check(section: &str, metrics: &[Metric]) {
        let (_, text) = GUIDE.split_once(section).expect("a section");
        let (text, _) = text.split_once("\n## ").expect("another section");
        let table: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let rows = metrics
            .iter()
            .map(|metric| format!("| `{}` | {} |", metric.name, metric.unit));
        let rows: Vec<String> = rows.collect();
        assert_eq!(table.len(), rows.len(), "{section}");
        for (line, row) in table.iter().zip(&rows) {
            assert!(line.starts_with(row), "{line}; want {row}");
        }
        assert!(GUIDE.contains(&format!("namespace `{NAMESPACE}`")));
        // Bytes show what this does.
        for metric in metrics
            .iter()
            .filter(|metric| metric.name != "ReusedLayers")
        {
            let name = format!("\"{}\"", metric.name);
            let mut examples = EXAMPLES.iter();
            assert!(examples.any(|example| example.contains(&name)), "{name}");
        }
        let namespace = format!("\"{NAMESPACE}\"");
        assert!(EXAMPLES.iter().all(|example| example.contains(&namespace)));
    }
}
