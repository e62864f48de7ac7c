//! Golden vectors: what the reference implementation makes of every layer and every image, a
//! test each. The word before a test's name says where we differ on purpose, and why.

mod layers;
mod layouts;
#[path = "../support/memory.rs"]
mod memory;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::Arguments;
use serde::de::DeserializeOwned;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn table<T: DeserializeOwned>(name: &str) -> BTreeMap<String, T> {
    let table = std::fs::read(directory().join(name)).expect("the table of vectors");
    serde_json::from_slice(&table).expect("valid JSON")
}

fn main() -> ExitCode {
    let mut trials = layers::trials();
    trials.extend(layouts::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
