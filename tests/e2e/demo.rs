//! The demo, with a smaller image.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tests::demo;
use tests::interrupt::Interrupt;
use tests::process::Sink;

/// Enough for a compressed layer of more than 10 MiB.
const LAYER_BYTES: u64 = 64 * 1024 * 1024;

/// Collects what a demo prints.
fn collector() -> (Sink, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&lines);
    let sink: Sink = Arc::new(move |line: &str| {
        shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line.to_owned());
    });
    (sink, lines)
}

/// The directory in the line about the registry.
fn data_directory(lines: &[String]) -> Result<&Path> {
    let line = lines
        .iter()
        .find_map(|line| line.split_once("data in "))
        .context("no registry")?;
    Ok(Path::new(line.1.split(' ').next().unwrap_or_default()))
}

#[test]
fn it_runs_to_its_end_and_leaves_nothing() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (print, lines) = collector();
    let result = demo::run(runtime.handle(), LAYER_BYTES, &print, &Interrupt::default());
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    result.with_context(|| lines.join("\n"))?;
    for wanted in [
        "[ 1/10]",
        "[10/10]",
        "| Apply complete!",
        "| Destroy complete!",
        "the same bytes",
    ] {
        assert!(
            lines.iter().any(|line| line.contains(wanted)),
            "no {wanted:?} in {lines:#?}"
        );
    }
    assert!(!data_directory(&lines)?.exists());
    Ok(())
}

#[test]
fn it_stops_when_asked_to_and_leaves_nothing() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (print, lines) = collector();
    let interrupt = Interrupt::default();
    let raise = interrupt.clone();
    let print: Sink = Arc::new(move |line: &str| {
        print(line);
        if line.contains("terraform apply") {
            raise.raise();
        }
    });
    demo::run(runtime.handle(), LAYER_BYTES, &print, &interrupt).unwrap_err();
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("what the registry has")),
        "{lines:#?}"
    );
    assert!(!data_directory(&lines)?.exists());
    Ok(())
}
