//! The rights for images in Amazon ECR: every request to the registry needs one of those in
//! `examples/permissions/soci-index.json`, and each of them is needed.
//!
//! Amazon ECR's guide says which action a request to the registry is; no fake of it checks rights.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use tests::fake::ecr::FakeEcr;
use tests::fake::proxy::{Proxy, Request};
use tests::permissions::{policy, statements, strings};
use tests::registry::Registry;

use crate::scenario::{REPOSITORY, TAG, configured, image, push};

/// Returns the actions that a request to the registry is.
fn actions(request: &Request) -> Result<&'static [&'static str]> {
    let path = request.path.split('?').next().unwrap_or_default();
    let kind = ["/manifests/", "/blobs/uploads", "/blobs/", "/tags/list"]
        .into_iter()
        .find(|kind| path.contains(kind));
    Ok(match (request.method.as_str(), kind) {
        ("GET", None) if path == "/v2/" => &[],
        ("GET" | "HEAD", Some("/manifests/")) => &["ecr:BatchGetImage"],
        ("PUT", Some("/manifests/")) => &["ecr:PutImage"],
        ("DELETE", Some("/manifests/")) => &["ecr:BatchDeleteImage"],
        ("POST", Some("/blobs/uploads")) => &["ecr:InitiateLayerUpload"],
        ("PATCH", Some("/blobs/uploads")) => &["ecr:UploadLayerPart"],
        ("PUT", Some("/blobs/uploads")) => &["ecr:UploadLayerPart", "ecr:CompleteLayerUpload"],
        ("HEAD", Some("/blobs/")) => &["ecr:BatchCheckLayerAvailability"],
        ("GET", Some("/blobs/")) => &["ecr:GetDownloadUrlForLayer"],
        ("GET", Some("/tags/list")) => &["ecr:ListImages"],
        (method, _) => bail!("{method} {path}: what right is this?"),
    })
}

#[test]
fn every_right_to_a_registry_is_needed_and_no_other() -> Result<()> {
    let registry = Registry::start()?;
    let proxy = Proxy::start(registry.address())?;
    let ecr = FakeEcr::before(proxy.address())?;
    for (version, seed) in [("V1", 1), ("V2", 2)] {
        let tag = format!("{TAG}-{version}");
        push(&registry, &tag, |layout| image(layout, "amd64", seed))?;
        let reference = ecr.reference(&format!("{REPOSITORY}:{tag}"));
        let terraform = configured(&reference, &format!("index_version = \"{version}\""))?;
        terraform.apply()?;
        terraform.expect_empty_plan()?;
        // Another image, with another index.
        push(&registry, &tag, |layout| image(layout, "amd64", seed + 2))?;
        terraform.apply()?;
        terraform.destroy()?;
        assert!(!registry.tags(REPOSITORY)?.contains(&format!("{tag}-soci")));
    }
    let mut used = BTreeSet::from(["ecr:GetAuthorizationToken"]);
    for request in proxy.requests() {
        used.extend(actions(&request)?);
    }
    ensure!(used.len() > 1, "no request came through the proxy");

    let values = [("account", "1"), ("region", "r"), ("repositories", "*")];
    let values: BTreeMap<_, _> = values.map(|(name, value)| (name, value.to_owned())).into();
    let policy = policy("soci-index", &values)?;
    let mut granted = BTreeSet::new();
    for statement in statements(&policy)? {
        granted.extend(strings(&statement["Action"]));
    }
    assert_eq!(used, granted);
    let token = statements(&policy)?.first().context("no statement")?;
    assert_eq!(token["Action"], "ecr:GetAuthorizationToken");
    Ok(())
}
