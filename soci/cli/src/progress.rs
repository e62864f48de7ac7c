//! Progress bars, one for each layer being read. Nothing is drawn where nobody looks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use soci::oci::Descriptor;
use soci::ztoc::SkipReason;
use soci::{Digest, Observer};

pub(crate) struct Progress {
    bars: MultiProgress,
    layers: Mutex<HashMap<Digest, ProgressBar>>,
}

impl Progress {
    /// Bars on standard error, if that is a terminal and they are wanted.
    pub(crate) fn new(wanted: bool) -> Self {
        let target = if wanted {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            bars: MultiProgress::with_draw_target(target),
            layers: Mutex::default(),
        }
    }

    fn layers(&self) -> MutexGuard<'_, HashMap<Digest, ProgressBar>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn layer_started(&self, layer: &Descriptor) {
        let bar = self.bars.add(ProgressBar::new(layer.size));
        let template = "{msg} {bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(format!("layer {}", &layer.digest.hex()[..12]));
        self.layers().insert(layer.digest, bar);
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
