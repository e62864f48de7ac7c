//! Registries that answer anything when their referrers API, which they do not have, is called.

use anyhow::{Context, Result};
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::registry::Registry;

use crate::scenario::{ADDRESS, INDEX_TYPE, REPOSITORY, TAG, configured, image, push};

const EMPTY: &str = r#"{"schemaVersion":2,"manifests":[]}"#;
const NULL: &str = r#"{"schemaVersion":2,"manifests":null}"#;

/// Creates, plans and destroys an index on a registry that answers in each of these ways.
fn lifecycle(version: &str, answers: &[Fault]) -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    for answer in answers {
        let proxy = Proxy::start(registry.address())?;
        proxy.add(Rule::new("GET", "/referrers/", answer.clone()));
        let reference = proxy.reference(&format!("{REPOSITORY}:{TAG}"));
        let arguments = format!("index_version = \"{version}\"");
        let what = || format!("{version}, {answer:?}");
        let terraform = configured(&reference, &arguments)?;
        terraform.apply().with_context(what)?;
        let resource = terraform.expect_resource(ADDRESS)?;
        let digest = resource.text("digest")?;
        assert!(
            registry.manifest(REPOSITORY, digest)?.is_some(),
            "{}",
            what()
        );
        terraform.expect_empty_plan().with_context(what)?;
        terraform.destroy().with_context(what)?;
        assert!(
            registry.manifest(REPOSITORY, digest)?.is_none(),
            "{}",
            what()
        );
    }
    Ok(())
}

#[test]
fn v2_needs_no_referrers() -> Result<()> {
    let mut answers = vec![
        Fault::Serve("text/html", "<html>"),
        Fault::Serve(INDEX_TYPE, EMPTY),
        Fault::Serve(INDEX_TYPE, NULL),
    ];
    answers.extend([303, 400, 403, 405, 406, 501].map(Fault::Answer));
    lifecycle("V2", &answers)
}

#[test]
fn v1_is_not_lost() -> Result<()> {
    let answers = [
        Fault::Serve("text/html", "<html>"),
        Fault::Serve(INDEX_TYPE, EMPTY),
        Fault::Answer(406),
    ];
    lifecycle("V1", &answers)
}
