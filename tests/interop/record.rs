//! Notes on what passed, for the page that says what was tried.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::machine;

/// A table of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// An image, and what the consumer made of it.
    Consumer,
    /// A registry, how it is reached, its login, and what V1 indexes are found by.
    Registries,
}

impl Table {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Registries => "registries",
        }
    }
}

/// Where rows are kept until the page is written. `make interop` empties it first.
pub(crate) fn directory() -> PathBuf {
    machine::directory().join("passed")
}

/// Notes a row of a table: everything that it says was seen in this run.
pub(crate) fn passed(table: Table, cells: &[&str]) -> Result<()> {
    let row = json!({"table": table.name(), "cells": cells}).to_string();
    let directory = directory();
    fs::create_dir_all(&directory)?;
    let file = directory.join(format!("{}.json", hex::encode(Sha256::digest(&row))));
    fs::write(&file, row).with_context(|| format!("{}: cannot write", file.display()))
}

/// The rows of a table, in the order of their text.
pub(crate) fn rows(table: Table) -> Result<Vec<Vec<String>>> {
    let directory = directory();
    let entries = fs::read_dir(&directory)
        .with_context(|| format!("{}: no test has run", directory.display()))?;
    let mut rows = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let row: Value = serde_json::from_slice(&fs::read(&path)?)?;
        if row["table"] == table.name() {
            let cells = row["cells"].as_array().into_iter().flatten();
            let cells = cells.filter_map(|cell| cell.as_str().map(str::to_owned));
            rows.push(cells.collect());
        }
    }
    ensure!(
        !rows.is_empty(),
        "nothing of the table {} passed",
        table.name()
    );
    rows.sort();
    Ok(rows)
}
