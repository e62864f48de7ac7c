//! The same with every version of terraform: the one on `PATH` and the pinned one.

use anyhow::{Result, bail, ensure};
use serde_json::json;
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::interrupt::Interrupt;
use tests::registry::Registry;
use tests::terraform::{APPLY, LIMIT, Terraform, Version, configuration};
use tests::wait;

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, TAG, image, push};

/// Another address, for the import.
const COPY: &str = "soci_index.copy";

fn initialised(version: Version, image: &str) -> Result<Terraform> {
    let terraform = Terraform::with(version)?;
    terraform.write("main.tf", &configuration(image, ""))?;
    terraform.init()?;
    Ok(terraform)
}

/// Creates, refreshes, rejects an invalid value, imports and destroys.
fn lifecycle(version: Version) -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = initialised(version, &reference)?;
    terraform.validate()?;
    assert_eq!(terraform.planned(ADDRESS)?, ["create"]);
    terraform.apply()?;
    terraform.expect_empty_plan()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG, ENABLED]);

    let wrong = configuration(&reference, "index_version = \"V3\"");
    terraform.write("main.tf", &wrong)?;
    let output = terraform.run(&["validate", "-no-color"])?;
    ensure!(!output.status.success(), "validated:\n{output}");
    ensure!(output.all().contains("index_version"), "{output}");
    terraform.write("main.tf", &configuration(&reference, ""))?;

    let id = terraform.expect_resource(ADDRESS)?.text("id")?.to_owned();
    let both = configuration(&reference, "").replace("\"this\"", "\"copy\"");
    terraform.write("main.tf", &both)?;
    terraform
        .run(&["state", "rm", "-no-color", ADDRESS])?
        .success()?;
    terraform.import(COPY, &id)?;
    terraform.expect_empty_plan()?;
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

#[test]
fn lifecycle_with_terraform_on_path() -> Result<()> {
    lifecycle(Version::OnPath)
}

#[test]
fn lifecycle_with_pinned_terraform() -> Result<()> {
    lifecycle(Version::Pinned)
}

#[test]
fn the_versions_differ() -> Result<()> {
    let mut versions = Vec::new();
    for version in Version::ALL {
        let output = Terraform::with(version)?
            .run(&["version", "-json"])?
            .success()?;
        let answer: serde_json::Value = serde_json::from_str(&output.stdout)?;
        versions.push(answer["terraform_version"].clone());
    }
    assert_eq!(versions[1], json!("1.15.5"));
    ensure!(
        versions[0] != versions[1],
        "twice the same version: {versions:?}"
    );
    Ok(())
}

#[test]
fn interrupt_with_pinned_terraform() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    proxy.add(Rule::new("PUT", "/manifests/", Fault::HoldRequest));
    let reference = proxy.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = initialised(Version::Pinned, &reference)?;
    let mut apply = terraform.start(APPLY)?;
    wait::until("the apply to stand still", wait::SOON, || {
        if let Some(status) = apply.try_status()? {
            bail!("it ended before: {status}\n{}", apply.output_so_far());
        }
        Ok(proxy.is_holding().then_some(()))
    })?;
    apply.interrupt()?;
    let output = apply.finish(LIMIT, &Interrupt::default())?;
    ensure!(!output.status.success(), "{output}");
    ensure!(output.all().contains("Interrupt received"), "{output}");
    proxy.heal();
    terraform.apply()?;
    terraform.expect_empty_plan()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG, ENABLED]);
    Ok(())
}
