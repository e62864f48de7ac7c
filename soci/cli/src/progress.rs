//! Progress bars.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use soci::oci::Descriptor;
use soci::ztoc::SkipReason;
use soci::{Digest, Progress};

use crate::output::{Verbosity, verbosity};

/// Draws a bar for each layer that is being read.
pub(crate) struct Bars {
    bars: MultiProgress,
    layers: Mutex<HashMap<Digest, ProgressBar>>,
}

/// The bar gets the rest of the terminal's width; the other parts take about 50 columns.
const TEMPLATE: &str =
    "{msg} {wide_bar} {bytes:>10}/{total_bytes:10} {binary_bytes_per_sec:>12} {eta:>3}";

impl Bars {
    /// Draws on standard error if that is a terminal, unless bars are unwanted or the command is
    /// quiet. A verbose command prints its log instead.
    pub(crate) fn new(wanted: bool) -> Self {
        Self::on(if wanted && verbosity() == Verbosity::Normal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        })
    }

    fn on(target: ProgressDrawTarget) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(target),
            layers: Mutex::default(),
        }
    }

    fn layers(&self) -> MutexGuard<'_, HashMap<Digest, ProgressBar>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Bars {
    fn layer_started(&self, layer: &Descriptor) {
        let bar = self.bars.add(ProgressBar::new(layer.size));
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        bar.set_message(layer.digest.hex()[..12].to_owned());
        self.layers().insert(layer.digest, bar);
    }

    fn layer_postponed(&self, layer: &Descriptor) {
        if let Some(bar) = self.layers().get(&layer.digest) {
            bar.reset();
        }
    }

    fn layer_read(&self, layer: &Descriptor, bytes: u64) {
        if let Some(bar) = self.layers().get(&layer.digest) {
            bar.inc(bytes);
        }
    }

    fn layer_finished(&self, layer: &Descriptor, _: Option<&SkipReason>) {
        if let Some(bar) = self.layers().remove(&layer.digest) {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Result;
    use std::sync::Arc;

    use indicatif::TermLike;

    use super::*;

    /// A terminal of 80 columns that records its input.
    #[derive(Debug, Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<String>>>);

    impl Terminal {
        fn take(&self, text: &str) -> Result<()> {
            self.0.lock().expect("no panic").push(text.to_owned());
            Ok(())
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> Result<()> {
            self.take(text)
        }
        fn write_str(&self, text: &str) -> Result<()> {
            self.take(text)
        }
        fn clear_line(&self) -> Result<()> {
            Ok(())
        }
        fn flush(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_bar_fits_80_columns_and_has_a_time() {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bars = Bars::on(target);
        let mut layer = Descriptor::of("", b"");
        layer.size = 1023 << 20;
        bars.layer_started(&layer);
        bars.layer_read(&layer, 1000 << 20);
        for bar in bars.layers().values() {
            bar.force_draw();
        }
        let written = terminal.0.lock().expect("no panic");
        let line = written
            .iter()
            .rfind(|line| line.contains("MiB"))
            .expect("a bar");
        assert!(line.contains("1000.00 MiB/1023.00 MiB"), "{line:?}");
        assert!(line.trim_end().ends_with('s'), "no time left in {line:?}");
        assert!(line.chars().count() <= 80, "{line:?}");
    }
}
