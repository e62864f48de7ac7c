//! A single memory budget for all layers that are indexed concurrently.
//!
//! Each layer being read has a share, which grows with the layer's heap usage until its zTOC is
//! stored. A layer never waits for memory while holding some. If others have used up the budget,
//! the layer returns all that it holds and is read again alone, with the whole budget. So whether a
//! layer fits depends only on the layer and the budget, not on what else was being read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "images")]
use tokio::sync::{Notify, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Memory of a program excluding its layers, in bytes: code, threads, connections, manifests.
const PROGRAM: u64 = 64 << 20;
/// Minimum budget of a process in bytes: one layer with a small zTOC.
const LEAST: u64 = 16 << 20;
/// Default budget in bytes. A zTOC has 32 KiB for each 4 MiB, so this is enough for a layer of more
/// than 100 GB.
const DEFAULT: u64 = 1 << 30;
/// Minimum number of bytes that a share takes from the budget at a time, to do so rarely.
const STEP: u64 = 256 << 10;

/// Memory that layers may take in total while they are indexed. Clones share the budget.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Budget>);

struct Budget {
    limit: u64,
    used: AtomicU64,
    /// Held for writing by a layer that is read alone.
    #[cfg(feature = "images")]
    turns: Arc<RwLock<()>>,
    /// Notifies waiters that part of the budget was returned.
    #[cfg(feature = "images")]
    freed: Notify,
}

/// The part of the budget that one layer holds. It is returned when the share is dropped.
pub(crate) struct Share {
    budget: MemoryBudget,
    /// Bytes taken from the budget.
    taken: u64,
    /// Bytes of those that are in use.
    used: u64,
    crowded: bool,
    /// Released last.
    #[cfg(feature = "images")]
    turn: Turn,
}

/// Permission to take memory.
#[cfg(feature = "images")]
enum Turn {
    /// No turn: the share never waits for the budget.
    Unordered,
    Among(#[expect(dead_code, reason = "it is held")] OwnedRwLockReadGuard<()>),
    Alone(#[expect(dead_code, reason = "it is held")] OwnedRwLockWriteGuard<()>),
}

/// The budget is insufficient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    /// The limit in bytes.
    pub limit: u64,
}

impl MemoryBudget {
    /// Creates a budget of the given number of bytes.
    pub fn new(bytes: u64) -> Self {
        Self(Arc::new(Budget {
            limit: bytes,
            used: AtomicU64::new(0),
            #[cfg(feature = "images")]
            turns: Arc::default(),
            #[cfg(feature = "images")]
            freed: Notify::new(),
        }))
    }

    /// Creates the budget of a process that may use the given number of bytes in total.
    pub fn of_process(bytes: u64) -> Self {
        Self::new(bytes.saturating_sub(PROGRAM).max(LEAST))
    }

    /// Returns the limit in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Returns a share that never waits.
    pub(crate) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            taken: 0,
            used: 0,
            crowded: false,
            #[cfg(feature = "images")]
            turn: Turn::Unordered,
        }
    }

    /// Takes bytes, or returns how many are already taken.
    fn take(&self, bytes: u64) -> Result<(), u64> {
        let more = |used: u64| {
            let used = used.checked_add(bytes)?;
            (used <= self.0.limit).then_some(used)
        };
        let used = &self.0.used;
        used.fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .map(drop)
    }

    fn give_back(&self, bytes: u64) {
        self.0.used.fetch_sub(bytes, Ordering::AcqRel);
        #[cfg(feature = "images")]
        self.0.freed.notify_waiters();
    }
}

#[cfg(feature = "images")]
impl MemoryBudget {
    /// Waits for a turn alongside others, and for the first `bytes`, unless the whole budget is
    /// smaller.
    pub(crate) async fn turn(&self, bytes: u64) -> Share {
        let turn = Arc::clone(&self.0.turns).read_owned().await;
        let mut share = self.share();
        share.turn = Turn::Among(turn);
        loop {
            let mut freed = std::pin::pin!(self.0.freed.notified());
            freed.as_mut().enable();
            if share.reserve(bytes) || !share.is_crowded() {
                return share;
            }
            share.crowded = false;
            freed.await;
        }
    }

    /// Waits until no one else has a turn, and prevents others from getting one.
    pub(crate) async fn alone(&self) -> Share {
        let turn = Arc::clone(&self.0.turns).write_owned().await;
        let mut share = self.share();
        share.turn = Turn::Alone(turn);
        share
    }
}

impl Default for MemoryBudget {
    /// Creates a budget of 1 GiB.
    fn default() -> Self {
        Self::new(DEFAULT)
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryBudget").field(&self.0.limit).finish()
    }
}

/// Compares the limits only, because nothing else affects what is built.
impl PartialEq for MemoryBudget {
    fn eq(&self, other: &Self) -> bool {
        self.0.limit == other.0.limit
    }
}

impl Eq for MemoryBudget {}

impl Share {
    /// Marks more bytes as used.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Short> {
        let used = self.used.saturating_add(bytes);
        let missing = used.saturating_sub(self.taken);
        if missing > 0 && !self.reserve(missing.max(STEP)) && !self.reserve(missing) {
            return Err(Short {
                limit: self.budget.limit(),
            });
        }
        self.used = used;
        Ok(())
    }

    /// Returns the number of bytes used.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// Reduces the bytes in use to at most this many.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        self.used = self.used.min(bytes);
        let surplus = self.taken - self.used;
        self.taken = self.used;
        self.budget.give_back(surplus);
    }

    /// Returns whether the budget was short only because others held some of it.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// Returns whether no one else has a turn.
    fn is_alone(&self) -> bool {
        #[cfg(feature = "images")]
        return matches!(self.turn, Turn::Alone(_));
        #[cfg(not(feature = "images"))]
        false
    }

    /// Takes bytes without using them yet.
    fn reserve(&mut self, bytes: u64) -> bool {
        match self.budget.take(bytes) {
            Ok(()) => {
                self.taken += bytes;
                true
            }
            Err(taken) => {
                self.crowded = taken > self.taken && !self.is_alone();
                false
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.taken);
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Share").field(&self.used).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_is_dropped_can_be_used_again() {
        let budget = MemoryBudget::new(4 * MIB);
        let short = Err(Short { limit: 4 * MIB });
        let (mut one, mut other) = (budget.share(), budget.share());
        assert_eq!(one.grow(3 * MIB), Ok(()));
        assert_eq!(other.grow(2 * MIB), short);
        assert!(other.is_crowded());
        one.shrink(2 * MIB);
        assert_eq!(other.grow(2 * MIB), Ok(()));
        drop(one);
        assert_eq!(other.grow(2 * MIB), Ok(()));
        assert_eq!(other.grow(1), short);
        assert!(!other.is_crowded(), "nobody else holds any");
        drop(other);
        assert_eq!(budget.0.used.load(Ordering::Relaxed), 0);
    }

    #[cfg(feature = "images")]
    #[tokio::test]
    async fn a_layer_that_is_alone_waits_for_the_others_and_they_for_it() {
        let budget = MemoryBudget::new(4 * MIB);
        let (first, second) = (budget.turn(2 * MIB).await, budget.turn(2 * MIB).await);
        let mut third = Box::pin(budget.turn(MIB));
        assert!(futures_util::poll!(&mut third).is_pending(), "no memory");
        let mut alone = Box::pin(budget.alone());
        assert!(futures_util::poll!(&mut alone).is_pending());
        let mut fourth = Box::pin(budget.turn(MIB));
        drop(first);
        let third = third.await;
        drop((second, third));
        assert!(futures_util::poll!(&mut fourth).is_pending(), "after it");
        let mut alone = alone.await;
        assert_eq!(alone.grow(4 * MIB), Ok(()));
        assert!(futures_util::poll!(&mut fourth).is_pending());
        drop(alone);
        fourth.await;
    }

    #[cfg(feature = "images")]
    #[tokio::test]
    async fn a_budget_that_is_too_small_keeps_nobody_waiting() {
        let budget = MemoryBudget::new(MIB);
        let mut share = budget.turn(2 * MIB).await;
        assert!(share.grow(2 * MIB).is_err() && !share.is_crowded());
    }
}
