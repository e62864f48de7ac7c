//! Checks that everything in a repository refers only to content that exists.
//!
//! The registry of the local AWS stores anything it is given, so only the order in which a client
//! stores content keeps its manifests complete. Other registries reject incomplete ones.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::LocalAws;
use crate::http;

/// The manifests of a repository that are known to be complete.
#[derive(Debug, Default)]
pub struct Whole {
    known: BTreeSet<String>,
}

impl Whole {
    /// Checks every manifest of a repository that was not checked before, assuming that nothing is
    /// deleted. Returns their number.
    pub fn check(&mut self, aws: &LocalAws, repository: &str) -> Result<usize> {
        for digest in aws.digests(repository)? {
            if self.known.insert(digest.clone()) {
                expect_whole(aws, repository, &digest)?;
            }
        }
        Ok(self.known.len())
    }
}

impl LocalAws {
    /// Returns the manifest with a tag or digest, if there is one.
    pub fn manifest(&self, repository: &str, name: &str) -> Result<Option<Value>> {
        let path = format!("/v2/{repository}/manifests/{name}");
        let found = http::request(self.address(), "GET", &path, &[], b"")?;
        match found.status {
            200 => Ok(Some(serde_json::from_slice(&found.body)?)),
            404 => Ok(None),
            status => anyhow::bail!("{path}: status {status}"),
        }
    }
}

fn expect_whole(aws: &LocalAws, repository: &str, digest: &str) -> Result<()> {
    let manifest = aws.manifest(repository, digest)?.context("it is gone")?;
    let list = |name: &str| manifest[name].as_array().into_iter().flatten();
    let blobs = list("layers").chain(manifest.get("config"));
    let manifests = list("manifests").chain(manifest.get("subject"));
    let blobs = blobs.map(|listed| ("blobs", listed));
    for (kind, listed) in blobs.chain(manifests.map(|listed| ("manifests", listed))) {
        let name = listed["digest"].as_str().context("no digest")?;
        let path = format!("/v2/{repository}/{kind}/{name}");
        let found = http::request(aws.address(), "HEAD", &path, &[], b"")?;
        ensure!(
            found.status == 200,
            "{digest} refers to {path}: status {}\n{manifest:#}",
            found.status
        );
    }
    Ok(())
}
