//! Options of indexes: what they change, and that an index with other options is not taken for the one
//! that is asked for.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::scenario::{ENABLED, Scenario, TAG, event, text};

const INDEX: &str = "application/vnd.amazon.soci.index.v2+json";

/// Returns the entries of the SOCI-enabled image: image manifests, and SOCI indexes.
fn entries(scenario: &Scenario) -> Result<(Vec<Value>, Vec<Value>)> {
    let enabled = scenario.manifest(ENABLED)?.json;
    let entries = enabled["manifests"].as_array().context("no image index")?;
    let entries = entries.iter().cloned();
    Ok(entries.partition(|entry| entry["artifactType"] != INDEX))
}

#[test]
fn only_the_wanted_platforms_are_indexed() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push_both(TAG)?;
    let wanted = ("soci_platforms", "linux/amd64,linux/s390x");
    let generator = scenario.generator_with(&[wanted])?;
    generator.expect(event(&digest, Some(TAG)))?;
    let (images, indexes) = entries(&scenario)?;
    let platforms: Vec<&Value> = images
        .iter()
        .map(|it| &it["platform"]["architecture"])
        .collect();
    assert_eq!(platforms, [&json!("amd64"), &json!("arm64")]);
    assert_eq!(indexes.len(), 1);
    assert_eq!(indexes[0]["platform"]["architecture"], "amd64");
    let lacks = |line: &&Value| line["platform"] == "linux/s390x";
    let log = generator.log()?;
    let line = log.iter().find(lacks).context("nothing of the platform")?;
    assert_eq!(line["level"], "INFO");
    let again = generator.expect(event(&digest, Some(TAG)))?;
    assert!(again.ends_with("it is indexed already"), "{again}");

    // For every platform it is not; and with all of them, it is not the one that is wanted here.
    let every = scenario.generator_with(&[])?;
    let answer = every.expect(event(&digest, Some(TAG)))?;
    assert!(answer.starts_with("indexed sha256:"), "{answer}");
    scenario.expect_enabled(ENABLED, TAG)?;
    let answer = generator.expect(event(&digest, Some(TAG)))?;
    assert!(answer.starts_with("indexed sha256:"), "{answer}");
    assert_eq!(entries(&scenario)?.1, indexes);
    Ok(())
}

#[test]
fn an_image_without_any_wanted_platform_is_no_failure() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let wanted = ("soci_platforms", "linux/arm64,windows/amd64");
    let v1 = scenario.generator_with(&[wanted, ("soci_index_version", "V1")])?;
    let answer = v1.expect(event(&digest, Some(TAG)))?;
    let reason = "it has none of linux/arm64, windows/amd64";
    assert_eq!(answer, format!("skipped shop/web:1.4: {reason}"));
    assert_eq!(scenario.referrers(&digest)?, [""; 0]);

    let v2 = scenario.generator_with(&[wanted])?;
    let answer = v2.expect(event(&digest, Some(TAG)))?;
    assert_eq!(
        answer,
        format!("tagged shop/web:1.4 itself as \"1.4-soci\": {reason}")
    );
    assert_eq!(scenario.manifest(ENABLED)?.digest, digest);
    assert_eq!(v2.metrics()?["LayerBytes"], 0);
    Ok(())
}

#[test]
fn optimizations_and_files_to_prefetch_are_part_of_the_index() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let table = ("soci_ztoc_table", "images-ztocs");
    let plain = scenario.generator_with(&[table])?;
    plain.expect(event(&digest, Some(TAG)))?;
    let plain_index = scenario.expect_enabled(ENABLED, TAG)?;

    // What is known of the layers does not say where the file is.
    let xattr = ("soci_optimizations", "xattr");
    let files = ("soci_prefetch_files", r#"["/data/noise","/no/such/file"]"#);
    let generator = scenario.generator_with(&[table, xattr, files])?;
    generator.fake.put_items(plain.fake.items());
    let answer = generator.expect(event(&digest, Some(TAG)))?;
    assert_eq!(
        answer,
        format!("indexed {digest}: 2 of 2 layers have a zTOC")
    );
    assert_eq!(generator.fake.items().len(), 4);
    let enabled = scenario.expect_enabled(ENABLED, TAG)?;
    assert_ne!(enabled, plain_index);
    let (_, indexes) = entries(&scenario)?;
    let index = scenario.expect_index(text(&indexes[0]["digest"])?)?;
    let layers = index["layers"].as_array().context("no layers")?;
    let kinds: Vec<&Value> = layers.iter().map(|layer| &layer["mediaType"]).collect();
    assert_eq!(kinds.len(), 3, "{index}");
    assert!(text(kinds[2])?.contains("prefetch"), "{index}");
    for ztoc in &layers[..2] {
        let annotations = &ztoc["annotations"];
        assert_eq!(
            annotations["com.amazon.soci.disable-xattrs"], "true",
            "{index}"
        );
    }

    // The same once more: nothing is read or written, as it is known where the files are.
    let before = scenario.proxy.requests().len();
    let answer = generator.expect(event(&digest, Some(TAG)))?;
    assert!(answer.ends_with("it is indexed already"), "{answer}");
    assert_eq!(scenario.costs_since(before), (0, 0));
    // Without a memory it is read again, to the same end.
    let forgetful = scenario.generator_with(&[xattr, files])?;
    forgetful.expect(event(&digest, Some(TAG)))?;
    assert_eq!(scenario.manifest(ENABLED)?.digest, enabled);
    // Without the options, the index is the first one again.
    let answer = plain.expect(event(&digest, Some(TAG)))?;
    assert!(answer.contains("2 known from before"), "{answer}");
    assert_eq!(scenario.manifest(ENABLED)?.digest, plain_index);
    Ok(())
}
