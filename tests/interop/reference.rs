//! The zTOCs of the reference implementation, for the layers that the consumer is given.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::registry::Registry;

use crate::image;
use crate::machine;
use crate::scene::Scene;
use crate::store;

/// The build tool that a zTOC names.
const BUILD_TOOL: &str = "AWS SOCI CLI v0.2";

/// Fails unless every zTOC of a V2 image with one platform has the reference's bytes. Returns how
/// many there are.
pub(crate) fn expect_same(scene: &Scene<Registry>, span_size: u64) -> Result<usize> {
    let index = scene.soci_index()?;
    let entries = index["layers"].as_array().into_iter().flatten();
    let ztocs: Vec<_> = entries
        .filter(|entry| entry["mediaType"] == "application/octet-stream")
        .collect();
    ensure!(!ztocs.is_empty(), "no zTOC in {index}");
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("ztoc");
    for ztoc in &ztocs {
        let annotations = &ztoc["annotations"];
        let digest = text(&annotations["com.amazon.soci.image-layer-digest"])?;
        let media_type = text(&annotations["com.amazon.soci.image-layer-mediaType"])?;
        let compression = if media_type.ends_with("+gzip") {
            "gzip"
        } else {
            "uncompressed"
        };
        let answer = ask(&json!({
            "layer": store::stored(&scene.registry, digest),
            "output": output,
            "span_size": span_size,
            "build_tool": BUILD_TOOL,
            "compression": compression,
        }))?;
        ensure!(answer["error"].is_null(), "{digest}: {answer}");
        let (want, _) = image::digest(&output)?;
        let got = text(&ztoc["digest"])?;
        ensure!(
            got == want,
            "{digest}: zTOC {got}, the reference's is {want}"
        );
        fs::remove_file(&output)?;
    }
    Ok(ztocs.len())
}

fn ask(request: &Value) -> Result<Value> {
    let mut reference = Command::new(machine::program("reference")?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut requests = reference.stdin.take().context("stdin is piped")?;
    writeln!(requests, "{request}")?;
    drop(requests);
    let output = reference.wait_with_output()?;
    ensure!(output.status.success(), "reference: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .with_context(|| format!("no string: {value}"))
}
