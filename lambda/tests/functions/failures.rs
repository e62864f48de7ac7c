//! Failures that cannot change, and Lambda's retries of them.

use anyhow::Result;
use serde_json::json;
use tests::fake::proxy::{Fault, Rule};
use tests::wait;

use crate::scenario::{REPOSITORY, Scenario, TAG, event};

#[test]
fn an_image_that_is_not_what_it_says_is_read_once() -> Result<()> {
    let scenario = Scenario::new()?;
    scenario.push(TAG, 1)?;
    let mut manifest = scenario.manifest(TAG)?;
    let size = &mut manifest.json["layers"][0]["size"];
    *size = json!(size.as_u64().map(|size| size + 1));
    let body = manifest.json.to_string();
    let media_type = &manifest.media_type;
    scenario
        .registry
        .put_manifest(REPOSITORY, TAG, media_type, body.as_bytes())?;
    let digest = scenario.manifest(TAG)?.digest;

    for version in ["V1", "V2"] {
        let generator = scenario.generator(version)?;
        let error = generator.expect_error(event(&digest, Some(TAG)), "InvalidImage")?;
        assert!(error.contains("size mismatch"), "{error}");
        let requests = scenario.proxy.requests().len();
        for _ in 0..2 {
            let again = generator.retry(event(&digest, Some(TAG)))?;
            let again = again.expect_err("an error");
            assert_eq!(
                (&again["errorType"], &again["errorMessage"]),
                (&json!("InvalidImage"), &json!(error))
            );
        }
        assert_eq!(scenario.proxy.requests().len(), requests);
        let retries = wait::until("the lines of both retries", wait::SOON, || {
            let output = generator.output();
            let retries = output
                .lines()
                .filter(|line| line.contains("not tried again"));
            let retries: Vec<String> = retries.map(str::to_owned).collect();
            Ok((retries.len() == 2).then_some(retries))
        })?;
        assert!(
            retries.iter().all(|line| line.contains("\"WARN\"")),
            "{retries:?}"
        );
        let log = generator.log()?;
        let errors: Vec<_> = log.iter().filter(|line| line["level"] == "ERROR").collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(
            (&errors[0]["final"], &errors[0]["message"]),
            (&json!(true), &json!(error))
        );
        // Counted once.
        assert_eq!(generator.metrics()?["ImagesFailed"], 1);
    }
    Ok(())
}

#[test]
fn a_failure_that_may_pass_is_tried_again() -> Result<()> {
    let scenario = Scenario::new()?;
    let digest = scenario.push(TAG, 1)?;
    let generator = scenario.generator("V2")?;
    scenario
        .proxy
        .add(Rule::new("PUT", "/manifests/", Fault::Answer(403)));
    generator.expect_error(event(&digest, Some(TAG)), "IndexingFailed")?;
    scenario.proxy.heal();
    let answer = generator
        .retry(event(&digest, Some(TAG)))?
        .expect("no error");
    assert!(answer.to_string().contains("indexed"), "{answer}");
    Ok(())
}
