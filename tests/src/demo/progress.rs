//! Numbered steps and their durations.

use std::sync::Arc;
use std::time::Instant;

use crate::process::Sink;

/// Indentation that aligns the output of a step with its title.
const INDENT: &str = "        ";

pub(super) struct Progress {
    total: usize,
    step: usize,
    begun: Instant,
    step_begun: Instant,
    print: Sink,
}

impl Progress {
    pub(super) fn new(total: usize, print: &Sink) -> Self {
        let now = Instant::now();
        Self {
            total,
            step: 0,
            begun: now,
            step_begun: now,
            print: Arc::clone(print),
        }
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        self.step_begun = Instant::now();
        (self.print)(&format!("[{:>2}/{}] {title}", self.step, self.total));
    }

    /// Ends the step with its result.
    pub(super) fn done(&self, result: &str) {
        let seconds = self.step_begun.elapsed().as_secs_f64();
        (self.print)(&format!("{INDENT}{result} ({seconds:.1} s)"));
    }

    /// Prints the total time.
    pub(super) fn end(&self) {
        let seconds = self.begun.elapsed().as_secs_f64();
        (self.print)(&format!("done in {seconds:.1} s"));
    }

    /// Returns a sink that prints non-empty lines as part of the step, each after `prefix`.
    pub(super) fn indented(&self, prefix: &'static str) -> Sink {
        let print = Arc::clone(&self.print);
        Arc::new(move |line| {
            if !line.is_empty() {
                print(&format!("{INDENT}{prefix}{line}"));
            }
        })
    }
}

/// Formats a size in decimal megabytes, rounded up to a tenth.
pub(super) fn megabytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::megabytes;

    #[test]
    fn sizes_are_rounded_up() {
        let table = [
            (0, "0.0 MB"),
            (1, "0.1 MB"),
            (1_000_000, "1.0 MB"),
            (104_900_001, "105.0 MB"),
        ];
        for (bytes, text) in table {
            assert_eq!(megabytes(bytes), text);
        }
    }
}
