//! The same with every version of terraform: that on PATH and the pinned one.

use anyhow::{Result, bail, ensure};
use serde_json::json;
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::interrupt::Interrupt;
use tests::registry::Registry;
use tests::terraform::{APPLY, LIMIT, Terraform, Version, configuration};
use tests::wait;

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, TAG, image, push};

/// The resource under another name, to import it.
const COPY: &str = "soci_index.copy";

fn initialised(version: Version, image: &str) -> Result<Terraform> {
    let terraform = Terraform::with(version)?;
    terraform.write("main.tf", &configuration(image, ""))?;
    terraform.init()?;
    Ok(terraform)
}

fn expect_empty_plan(terraform: &Terraform) -> Result<()> {
    let plan = terraform.plan()?;
    ensure!(!plan.changes, "the plan is not empty:\n{}", plan.output);
    Ok(())
}

/// Create, look, import, refuse a wrong value, destroy.
fn lifecycle(version: Version) -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = initialised(version, &reference)?;
    terraform.validate()?;
    assert_eq!(terraform.planned(ADDRESS)?, ["create"]);
    terraform.apply()?;
    expect_empty_plan(&terraform)?;
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
    expect_empty_plan(&terraform)?;
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

#[test]
fn the_terraform_on_path_does_all_of_it() -> Result<()> {
    lifecycle(Version::OnPath)
}

#[test]
fn the_pinned_terraform_does_all_of_it() -> Result<()> {
    lifecycle(Version::Pinned)
}

#[test]
fn the_pinned_terraform_is_another_one() -> Result<()> {
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

/// Ctrl-C in mid-apply, and an apply that finishes the job.
#[test]
fn the_pinned_terraform_stops_when_asked_to() -> Result<()> {
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
    expect_empty_plan(&terraform)?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG, ENABLED]);
    Ok(())
}

/// Terraform 1.12 and later import by identity. The version is left out: it has a default.
#[test]
fn an_index_is_imported_by_its_identity() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = initialised(Version::Pinned, &reference)?;
    terraform.apply()?;
    terraform
        .run(&["state", "rm", "-no-color", ADDRESS])?
        .success()?;

    let import = format!(
        "import {{\n  to       = {ADDRESS}\n  identity = {{ image = \"{reference}\" }}\n}}\n"
    );
    terraform.write("import.tf", &import)?;
    let output = terraform.apply()?;
    ensure!(
        output.all().contains("1 imported, 0 added, 0 changed"),
        "{output}"
    );
    expect_empty_plan(&terraform)?;
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}
