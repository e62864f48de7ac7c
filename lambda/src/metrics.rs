//! Metrics in CloudWatch's embedded metric format: a line of the log that CloudWatch reads
//! numbers from, without a request.
//!
//! Lambda drops lines below the function's log level, and takes a line without a valid level or
//! timestamp for `INFO`. So that metrics survive every log level, their line has the least severe
//! level that passes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::log;
use crate::runtime::Invocation;

const NAMESPACE: &str = "SociIndexBuilder";

/// A number of an invocation.
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

/// The invocation that metrics are about.
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
