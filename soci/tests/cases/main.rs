//! Images as users have them, each of which some tool makes: what is there is indexed, and what is
//! left out is reported.

mod archives;
mod budget;
mod images;
mod layers;
mod layout;
#[path = "../support/memory.rs"]
mod memory;

use std::path::{Path, PathBuf};

use soci::{Error, ImageSource, LayoutImage, Options, Report, Version, index};

use crate::memory::MemoryStore;

/// Returns the path of an input.
fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/cases/{name}"))
}

/// Returns options with which even the smallest layer is indexed.
fn all(version: Version) -> Options {
    let options = Options::default().with_version(version);
    options.with_min_layer_size(0)
}

/// Indexes an image and publishes the result.
fn publish(
    source: &(impl ImageSource + ?Sized),
    options: &Options,
) -> Result<(Report, MemoryStore), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let store = MemoryStore::default();
        let indexed = index(source, &store, options, &(), &()).await?;
        indexed.publish(&store, Some("1-soci")).await?;
        Ok((indexed.report().clone(), store))
    })
}

/// Indexes an image of the inputs.
fn published(name: &str, options: &Options) -> Result<(Report, MemoryStore), Error> {
    publish(&LayoutImage::new(case(name)), options)
}

/// Returns the platforms with an index.
fn indexed(report: &Report) -> Vec<&str> {
    let indexes = report.indexes.iter();
    let indexed = indexes.filter(|index| index.digest.is_some());
    indexed.map(|index| index.platform.as_str()).collect()
}

/// Returns the reasons why layers were left out.
fn skipped(report: &Report) -> Vec<String> {
    let skipped = report.indexes.iter().flat_map(|index| &index.skipped);
    skipped.map(|skipped| skipped.reason.to_string()).collect()
}
