//! The files of the vectors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

pub(crate) fn table<T: DeserializeOwned>(name: &str) -> BTreeMap<String, T> {
    let table = std::fs::read(directory().join(name)).expect("the table of vectors");
    serde_json::from_slice(&table).expect("valid JSON")
}
