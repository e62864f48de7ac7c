//! The counts of a sweep.

use std::fmt;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::metrics::Metric;

/// Number of tags that a sweep looked at, by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(in crate::event_filter) struct Counts {
    pub looked_at: u64,
    /// Tags that already had an index.
    pub indexed: u64,
    pub handed_on: u64,
    /// Outputs of deleted tags, passed on for removal.
    pub orphaned: u64,
    /// Tags that could not be examined or passed on.
    pub failed: u64,
}

impl Counts {
    /// Returns the counts as metrics, including orphans if `with_orphans` is
    /// set.
    pub(super) fn metrics(&self, with_orphans: bool) -> Vec<Metric> {
        let Self {
            looked_at,
            indexed,
            handed_on,
            orphaned,
            failed,
        } = *self;
        let mut all = vec![
            Metric::count("SweepLookedAt", looked_at),
            Metric::count("SweepIndexedAlready", indexed),
            Metric::count("SweepHandedOn", handed_on),
            Metric::count("SweepFailed", failed),
        ];
        // CloudWatch bills every metric.
        all.extend(with_orphans.then(|| Metric::count("SweepOrphaned", orphaned)));
        all
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            looked_at: self.looked_at.saturating_add(other.looked_at),
            indexed: self.indexed.saturating_add(other.indexed),
            handed_on: self.handed_on.saturating_add(other.handed_on),
            orphaned: self.orphaned.saturating_add(other.orphaned),
            failed: self.failed.saturating_add(other.failed),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            looked_at,
            indexed,
            handed_on,
            orphaned,
            failed,
        } = self;
        write!(
            f,
            "{looked_at} looked at, {indexed} indexed already, {handed_on} handed on, {failed} \
             failed"
        )?;
        match orphaned {
            0 => Ok(()),
            _ => write!(f, ", {orphaned} to be removed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::guide;

    #[test]
    fn the_guide_has_every_metric() {
        let metrics = Counts::default().metrics(true);
        guide::check("## Metrics of the event filter", &metrics);
    }
}
