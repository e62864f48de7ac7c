//! Pushes of an image from a layout in a handful of requests over plain HTTP.
//!
//! For a test that pushes hundreds of images, starting a program for each would take longer than
//! the code under test.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::http;
use crate::image::Layout;

/// Pushes an image of one platform to a registry that needs no login. Returns its digest.
pub fn image(
    registry: SocketAddr,
    repository: &str,
    tag: &str,
    layout: &Layout,
    descriptor: &Value,
) -> Result<String> {
    let text = |value: &Value| {
        let text = value.as_str().map(str::to_owned);
        text.with_context(|| format!("no text: {value}"))
    };
    let digest = text(&descriptor["digest"])?;
    let body = read(layout, &digest)?;
    let manifest: Value = serde_json::from_slice(&body)?;
    let layers = manifest["layers"].as_array().context("no layers")?;
    for listed in layers.iter().chain([&manifest["config"]]) {
        let digest = text(&listed["digest"])?;
        blob(registry, repository, &digest, &read(layout, &digest)?)?;
    }
    let path = format!("/v2/{repository}/manifests/{tag}");
    let media_type = text(&descriptor["mediaType"])?;
    let headers = [("Content-Type", media_type.as_str())];
    let response = http::request(registry, "PUT", &path, &headers, &body)?;
    ensure!(response.status == 201, "PUT {path}: {}", response.status);
    Ok(digest)
}

fn read(layout: &Layout, digest: &str) -> Result<Vec<u8>> {
    let path = layout
        .directory()
        .join("blobs")
        .join(digest.replace(':', "/"));
    fs::read(&path).with_context(|| path.display().to_string())
}

fn blob(registry: SocketAddr, repository: &str, digest: &str, body: &[u8]) -> Result<()> {
    let path = format!("/v2/{repository}/blobs/uploads/");
    let session = http::request(registry, "POST", &path, &[], b"")?;
    ensure!(session.status == 202, "POST {path}: {}", session.status);
    let location = session.header("location").context("no location")?;
    // The URL may be absolute or relative.
    let start = location.find("/v2/").context("no path")?;
    let location = &location[start..];
    let more = if location.contains('?') { '&' } else { '?' };
    let path = format!("{location}{more}digest={digest}");
    let headers = [("Content-Type", "application/octet-stream")];
    let stored = http::request(registry, "PUT", &path, &headers, body)?;
    ensure!(stored.status == 201, "PUT {path}: {}", stored.status);
    Ok(())
}
