//! A registry that misbehaves: an index is published whole or not at all.

use anyhow::Result;
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::registry::Registry;
use tests::terraform::Terraform;

use crate::scenario::{ENABLED, REPOSITORY, TAG, image, initialised, large_layer, push};

/// A registry with the usual image, and a terraform that sees it through a proxy.
fn behind_a_proxy() -> Result<(Registry, Proxy, Terraform)> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    let terraform = initialised(&proxy.reference(&format!("{REPOSITORY}:{TAG}")), "")?;
    Ok((registry, proxy, terraform))
}

/// An apply under a fault fails with an error that has `wanted` in it and publishes nothing;
/// the next one, without the fault, does the job. LAYER stands for the large layer's digest.
fn fails_until_healed(method: &'static str, path: &str, fault: Fault, wanted: &str) -> Result<()> {
    let (registry, proxy, terraform) = behind_a_proxy()?;
    let layer = large_layer(&registry, TAG)?;
    let path = path.replace("LAYER", &layer);
    let wanted = wanted.replace("LAYER", &layer);
    proxy.add(Rule::new(method, &path, fault));
    let (errors, output) = terraform.failing_apply()?;
    assert_eq!(errors.len(), 1, "{output}");
    let text = format!("{}\n{}", errors[0].summary, errors[0].detail);
    assert!(text.contains(&wanted), "no {wanted:?} in {text}");
    assert!(
        text.contains(&proxy.reference(REPOSITORY)),
        "no image in {text}"
    );
    assert_eq!(
        registry.tags(REPOSITORY)?,
        [TAG],
        "published in spite of an error"
    );

    proxy.heal();
    terraform.apply()?;
    assert!(registry.tags(REPOSITORY)?.contains(&ENABLED.to_owned()));
    assert!(!terraform.plan()?.changes);
    Ok(())
}

#[test]
fn a_layer_that_is_always_cut() -> Result<()> {
    fails_until_healed("GET", "/blobs/LAYER", Fault::CutBody(1_000_000), "LAYER")
}

#[test]
fn a_registry_that_fails() -> Result<()> {
    fails_until_healed("GET", "/manifests/", Fault::Answer(500), "500")
}

#[test]
fn a_push_that_is_refused() -> Result<()> {
    fails_until_healed("PUT", "/manifests/", Fault::Answer(403), "403")
}

#[test]
fn no_layer_is_read_twice() -> Result<()> {
    let (registry, proxy, terraform) = behind_a_proxy()?;
    terraform.apply()?;
    let layer = large_layer(&registry, TAG)?;
    let reads = || {
        let requests = proxy.requests();
        requests
            .iter()
            .filter(|its| its.method == "GET" && its.path.contains(&layer))
            .count()
    };
    assert_eq!(reads(), 1);
    // Looking at it again is cheap.
    assert!(!terraform.plan()?.changes);
    assert_eq!(reads(), 1);
    Ok(())
}
