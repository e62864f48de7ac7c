//! Memory of layers in the private state of a resource, so that an update reads only new layers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use soci::{Knowledge, KnownKey, KnownLayer};

/// Layers by the key of everything that determines their zTOCs.
pub(super) type Layers = BTreeMap<String, KnownLayer>;

/// Knowledge of the layers that a resource indexed itself.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    before: Layers,
    /// The layers of the image that is being indexed.
    now: Mutex<Layers>,
}

impl Remembered {
    pub(super) fn new(before: &Layers) -> Self {
        Self {
            before: before.clone(),
            now: Mutex::default(),
        }
    }

    /// Returns the layers of the image that was indexed, if any.
    pub(super) fn of_image(&self) -> Layers {
        self.now().clone()
    }

    fn now(&self) -> MutexGuard<'_, Layers> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Knowledge for Remembered {
    async fn recall(&self, key: &KnownKey) -> Option<KnownLayer> {
        let key = key.to_string();
        let known = self.before.get(&key)?.clone();
        self.now().insert(key, known.clone());
        Some(known)
    }

    async fn learn(&self, key: &KnownKey, known: &KnownLayer) {
        self.now().insert(key.to_string(), known.clone());
    }
}
