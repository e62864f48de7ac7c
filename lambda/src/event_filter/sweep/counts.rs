//! The numbers of a sweep.

use std::fmt;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::metrics::Metric;

/// How many tags a sweep looked at, and what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(in crate::event_filter) struct Counts {
    pub looked_at: u64,
    /// Had an index already.
    pub indexed: u64,
    pub handed_on: u64,
    /// Could not be looked at or handed on.
    pub failed: u64,
}

impl Counts {
    /// Returns them as metrics.
    pub(super) fn metrics(&self) -> [Metric; 4] {
        let Self {
            looked_at,
            indexed,
            handed_on,
            failed,
        } = *self;
        [
            Metric::count("SweepLookedAt", looked_at),
            Metric::count("SweepIndexedAlready", indexed),
            Metric::count("SweepHandedOn", handed_on),
            Metric::count("SweepFailed", failed),
        ]
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            looked_at: self.looked_at.saturating_add(other.looked_at),
            indexed: self.indexed.saturating_add(other.indexed),
            handed_on: self.handed_on.saturating_add(other.handed_on),
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
            failed,
        } = self;
        write!(
            f,
            "{looked_at} looked at, {indexed} indexed already, {handed_on} handed on, {failed} \
             failed"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::guide;

    #[test]
    fn the_guide_has_every_metric() {
        let metrics = Counts::default().metrics();
        guide::check("## Metrics of the event filter", &metrics);
    }
}
