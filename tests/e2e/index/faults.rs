//! A failing registry: an index is published completely or not at all.

use anyhow::Result;
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::image::{Compression, MediaTypes, noise};
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

/// An update reads only the layers that are new, and what one that failed has read is not lost.
#[test]
fn no_layer_is_read_again_for_a_newer_image() -> Result<()> {
    let registry = Registry::start()?;
    let push_layers = |seeds: &[u64]| -> Result<Vec<String>> {
        let mut digests = Vec::new();
        push(&registry, TAG, |layout| {
            let layers = seeds.iter().map(|&seed| {
                layout.layer(Compression::Gzip, |archive| {
                    archive.file("srv/data", &noise(seed, 300_000))
                })
            });
            let layers: Vec<_> = layers.collect::<Result<_>>()?;
            digests.extend(layers.iter().map(|layer| layer.digest.clone()));
            layout.image("amd64", MediaTypes::Oci, &layers)
        })?;
        Ok(digests)
    };
    let reads = |proxy: &Proxy, layer: &str| {
        let requests = proxy.requests();
        let reads = requests.iter();
        reads
            .filter(|its| its.method == "GET" && its.path.contains(layer))
            .count()
    };
    push_layers(&[1, 2])?;
    let proxy = Proxy::start(registry.address())?;
    let image = proxy.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = initialised(&image, "min_layer_size = 0")?;
    terraform.apply()?;

    let layers = push_layers(&[1, 2, 3, 4])?;
    let count = |layer: usize| reads(&proxy, &layers[layer]);
    proxy.add(Rule::new("GET", &layers[3], Fault::CutBody(1000)));
    terraform.failing_apply()?;
    let read: Vec<usize> = (0..3).map(count).collect();
    assert_eq!(read, [1, 1, 1]);
    proxy.heal();
    let before = count(3);
    terraform.apply()?;
    let read: Vec<usize> = (0..4).map(count).collect();
    assert_eq!(read, [1, 1, 1, before + 1]);
    assert!(!terraform.plan()?.changes);

    // The same index as built at once.
    let enabled = registry.expect_manifest(REPOSITORY, ENABLED)?.digest;
    terraform.destroy()?;
    let whole = initialised(&image, "min_layer_size = 0")?;
    whole.apply()?;
    assert_eq!(
        registry.expect_manifest(REPOSITORY, ENABLED)?.digest,
        enabled
    );
    assert_eq!(count(0), 2);
    Ok(())
}
