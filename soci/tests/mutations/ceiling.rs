//! How much memory something takes at its most.

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

/// Counts every byte that lives. A block that grows counts as the old and the new one, which
/// makes it a little too strict.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

static ALONE: Mutex<()> = Mutex::new(());

/// The right to measure. A test has it from its first line to its last, because the counters
/// are the whole process's.
pub(crate) struct Meter(#[expect(dead_code, reason = "it is held")] MutexGuard<'static, ()>);

impl Meter {
    /// Waits until no other test measures.
    pub(crate) fn alone() -> Self {
        Self(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `work`. Returns what it returned, and by how many bytes memory grew at the peak.
    pub(crate) fn peak_of<T>(&self, work: impl FnOnce() -> T) -> (T, usize) {
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let result = work();
        (result, MEMORY.peak_usage().saturating_sub(before))
    }
}
