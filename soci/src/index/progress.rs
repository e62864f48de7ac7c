//! Progress notifications during indexing.

use crate::oci::Descriptor;
use crate::ztoc::SkipReason;

/// Receives notifications while an image is indexed.
pub trait Progress: Send + Sync {
    /// Called for a layer that is not read because its result is already known.
    fn layer_reused(&self, layer: &Descriptor) {
        let _ = layer;
    }

    /// Called before a layer is read.
    fn layer_started(&self, layer: &Descriptor) {
        let _ = layer;
    }

    /// Called when more bytes of a layer have been read.
    fn layer_read(&self, layer: &Descriptor, bytes: u64) {
        let _ = (layer, bytes);
    }

    /// Called when reading a layer has to start over because others hold the memory that it needs.
    fn layer_postponed(&self, layer: &Descriptor) {
        let _ = layer;
    }

    /// Called when a layer has its zTOC or was skipped.
    fn layer_finished(&self, layer: &Descriptor, skipped: Option<&SkipReason>) {
        let _ = (layer, skipped);
    }
}

/// Ignores all notifications.
impl Progress for () {}
