//! Random points at which a test kills the program under test.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::image::noise;

/// Environment variable with the seed for points other than the default ones.
const SEED: &str = "SOCI_TEST_SEED";
/// The default seed. It is fixed, so that a failing run is caused by a change rather than by
/// chance.
const USUAL: u64 = 1;
/// Maximum time from a request to the kill that follows it.
const PAUSE: Duration = Duration::from_millis(10);

/// Points spread over a complete run: one in each part of it, in random order.
#[derive(Clone, Debug)]
pub struct Points {
    seed: u64,
    /// Positions between 0 and 1.
    shares: Vec<f64>,
}

/// A point in a run that makes requests, independent of the machine's speed.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Number of requests before it.
    pub requests: usize,
    /// Time after the last of them.
    pub pause: Duration,
}

impl Points {
    /// Chooses `count` points. Their text form states how to repeat the run.
    pub fn choose(count: usize) -> Result<Self> {
        let seed = match std::env::var(SEED) {
            Ok(seed) => seed.parse().context(SEED)?,
            Err(_) => USUAL,
        };
        Ok(Self::with_seed(seed, count))
    }

    fn with_seed(seed: u64, count: usize) -> Self {
        let random = noise(seed, 8 * count);
        let random = random.chunks_exact(4).map(|bytes| {
            let bytes = bytes.try_into().expect("four bytes");
            f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
        });
        let random: Vec<f64> = random.collect();
        let (within, order) = random.split_at(count);
        let shares = within.iter().enumerate();
        let shares = shares.map(|(number, within)| (number as f64 + within) / count as f64);
        let mut shares: Vec<_> = shares.zip(order).collect();
        shares.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let shares = shares.into_iter().map(|(share, _)| share).collect();
        Self { seed, shares }
    }

    /// Returns the points of a run that makes the given number of requests.
    pub fn of_requests(&self, requests: usize) -> impl Iterator<Item = Moment> {
        self.shares.iter().map(move |share| {
            let place = share * requests as f64;
            Moment {
                requests: place as usize,
                pause: PAUSE.mul_f64(place.fract()),
            }
        })
    }

    /// Returns the points of a run that takes the given time.
    pub fn of_time(&self, time: Duration) -> impl Iterator<Item = Duration> {
        self.shares.iter().map(move |share| time.mul_f64(*share))
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, shares } = self;
        write!(f, "{} points, {SEED}={seed}: {shares:.3?}", shares.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_point_in_an_order_that_the_seed_gives() {
        let points = Points::with_seed(7, 10);
        let places: Vec<usize> = points.of_requests(10).map(|point| point.requests).collect();
        let mut sorted = places.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, Vec::from_iter(0..10), "{points}");
        assert_ne!(sorted, places);
        let second = Duration::from_secs(1);
        assert!(points.of_time(second).all(|point| point <= second));
        assert_eq!(points.shares, Points::with_seed(7, 10).shares);
        assert_ne!(points.shares, Points::with_seed(8, 10).shares);
    }
}
