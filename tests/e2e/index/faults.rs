//! A failing registry: an index is published completely or not at all.

use anyhow::Result;
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::registry::Registry;
use tests::terraform::Terraform;

use crate::scenario::{ENABLED, REPOSITORY, TAG, image, initialised, large_layer, push};

/// A registry with the usual image, and a terraform that accesses it through a proxy.
fn behind_a_proxy() -> Result<(Registry, Proxy, Terraform)> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    let terraform = initialised(&proxy.reference(&format!("{REPOSITORY}:{TAG}")), "")?;
    Ok((registry, proxy, terraform))
}

/// Checks that an apply under a fault fails with an error that contains `wanted` and publishes
/// nothing, and that the next one, without the fault, succeeds. `LAYER` stands for the digest of the
/// large layer.
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
fn a_download_that_always_breaks_off() -> Result<()> {
    fails_until_healed("GET", "/blobs/LAYER", Fault::CutBody(1_000_000), "LAYER")
}

#[test]
fn a_registry_with_server_errors() -> Result<()> {
    fails_until_healed("GET", "/manifests/", Fault::Answer(500), "500")
}

#[test]
fn a_denied_push() -> Result<()> {
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
    // A refresh is cheap.
    assert!(!terraform.plan()?.changes);
    assert_eq!(reads(), 1);
    Ok(())
}
