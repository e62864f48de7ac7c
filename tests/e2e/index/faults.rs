//! A failing registry: an index is published completely or not at all.

use anyhow::Result;
use tests::fake::proxy::{Fault, Proxy, Refusal, Rule};
use tests::image::{Compression, MediaTypes, noise};
use tests::registry::Registry;
use tests::terraform::{Terraform, configuration};

use crate::scenario::{ENABLED, REPOSITORY, TAG, configured, image, large_layer, push};

/// A registry with the usual image, and a terraform that accesses it through a proxy.
fn behind_a_proxy() -> Result<(Registry, Proxy, Terraform)> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    let terraform = configured(&proxy.reference(&format!("{REPOSITORY}:{TAG}")), "")?;
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
    let terraform = configured(&image, "min_layer_size = 0")?;
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
    let whole = configured(&image, "min_layer_size = 0")?;
    whole.apply()?;
    assert_eq!(
        registry.expect_manifest(REPOSITORY, ENABLED)?.digest,
        enabled
    );
    assert_eq!(count(0), 2);
    Ok(())
}

/// Amazon ECR's answer to a push that would move an immutable tag.
const IMMUTABLE: Refusal = Refusal {
    status: 400,
    code: "TAG_INVALID",
    message: "The image tag '1.4-soci' already exists in the 'shop/web' repository and cannot be \
              overwritten because the tag is immutable.",
};

/// Counts the requests with this method whose path ends in `name`.
fn count(proxy: &Proxy, method: &str, name: &str) -> usize {
    let requests = proxy.requests();
    let found = requests
        .iter()
        .filter(|its| its.method == method && its.path.ends_with(name));
    found.count()
}

#[test]
fn an_immutable_tag_with_another_index_is_tried_once() -> Result<()> {
    let (registry, proxy, terraform) = behind_a_proxy()?;
    // Whoever made the first index is not this resource.
    let other = configured(&registry.reference(&format!("{REPOSITORY}:{TAG}")), "")?;
    other.apply()?;
    let taken = registry.expect_manifest(REPOSITORY, ENABLED)?.digest;
    push(&registry, TAG, |layout| image(layout, "amd64", 2))?;
    proxy.add(Rule::new("PUT", ENABLED, Fault::Deny(IMMUTABLE)));
    let (errors, output) = terraform.failing_apply()?;
    assert_eq!(errors.len(), 1, "{output}");
    assert_eq!(errors[0].summary, "Tag is immutable", "{output}");
    for wanted in ["\"1.4-soci\"", "points to other content", "argument tag"] {
        assert!(errors[0].detail.contains(wanted), "{:#?}", errors[0]);
    }
    assert_eq!(count(&proxy, "PUT", ENABLED), 1);
    assert_eq!(registry.expect_manifest(REPOSITORY, ENABLED)?.digest, taken);

    // Under another tag it succeeds.
    proxy.heal();
    let image = proxy.reference(&format!("{REPOSITORY}:{TAG}"));
    let another = configuration(&image, "tag = \"1.4-soci-2\"");
    terraform.write("main.tf", &another)?;
    terraform.apply()?;
    terraform.expect_empty_plan()
}

#[test]
fn a_tag_of_another_image_is_found_before_a_layer_is_read() -> Result<()> {
    let (registry, proxy, terraform) = behind_a_proxy()?;
    push(&registry, ENABLED, |layout| image(layout, "amd64", 2))?;
    let taken = registry.expect_manifest(REPOSITORY, ENABLED)?.digest;
    let (errors, output) = terraform.failing_apply()?;
    assert_eq!(errors.len(), 1, "{output}");
    assert_eq!(errors[0].summary, "Tag is taken", "{output}");
    assert!(errors[0].detail.contains(&taken), "{:#?}", errors[0]);
    let large = large_layer(&registry, TAG)?;
    assert_eq!(count(&proxy, "GET", &large), 0);
    let requests = proxy.requests();
    assert!(
        requests
            .iter()
            .all(|its| matches!(its.method.as_str(), "GET" | "HEAD"))
    );

    // An image without an index needs no tag.
    let image = proxy.reference(&format!("{REPOSITORY}:{TAG}"));
    terraform.write(
        "main.tf",
        &configuration(&image, "min_layer_size = 100000000"),
    )?;
    terraform.apply()?;
    assert_eq!(registry.expect_manifest(REPOSITORY, ENABLED)?.digest, taken);
    Ok(())
}
