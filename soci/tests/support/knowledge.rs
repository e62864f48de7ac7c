//! Knowledge of layers in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use soci::oci::Descriptor;
use soci::{Knowledge, KnownKey, KnownLayer, Progress};

/// Remembers layers as a store outside of the process would: as JSON.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<BTreeMap<KnownKey, String>>);

impl Remembered {
    /// Forgets every layer for which there is no `true`.
    #[allow(dead_code, reason = "not every test forgets")]
    pub(crate) fn retain(&self, mut kept: impl Iterator<Item = bool>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, _| kept.next() == Some(true));
    }
}

#[async_trait]
impl Knowledge for Remembered {
    async fn recall(&self, key: &KnownKey) -> Option<KnownLayer> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(key)?;
        Some(serde_json::from_str(known).expect("what was remembered"))
    }

    async fn learn(&self, key: &KnownKey, known: &KnownLayer) {
        let known = serde_json::to_string(known).expect("JSON");
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(*key, known);
    }
}

/// Counts the layers that are read.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "not every test counts")]
pub(crate) struct Read(Mutex<Vec<Descriptor>>);

impl Read {
    #[allow(dead_code, reason = "not every test counts")]
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Progress for Read {
    fn layer_started(&self, layer: &Descriptor) {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.push(layer.clone());
    }
}
