//! Import of an existing index.

use anyhow::{Result, ensure};
use tests::registry::Registry;
use tests::terraform::{Terraform, Version, configuration};

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, Scenario, TAG, configured, image, push};

#[test]
fn both_versions_are_imported() -> Result<()> {
    for (version, arguments) in [("V2", ""), ("V1", "index_version = \"V1\"")] {
        let scenario = Scenario::new(arguments)?;
        scenario.terraform.apply()?;
        let created = scenario.resource()?;

        let other = configured(&scenario.image(), arguments)?;
        other.import(ADDRESS, &format!("{version}/{}", scenario.image()))?;
        let imported = other.expect_resource(ADDRESS)?;
        assert_eq!(imported.values, created.values);
        let plan = other.plan()?;
        assert!(
            !plan.changes,
            "{version}: the plan is not empty: {}",
            plan.output
        );
    }
    Ok(())
}

/// Returns the output of an import, which must fail.
fn failing_import(scenario: &Scenario, id: &str) -> Result<String> {
    let arguments = ["import", "-no-color", "-input=false", ADDRESS, id];
    let output = scenario.terraform.run(&arguments)?;
    ensure!(!output.status.success(), "imported: {output}");
    Ok(output.all())
}

#[test]
fn an_invalid_id_is_explained() -> Result<()> {
    let scenario = Scenario::new("")?;
    for id in [
        scenario.image(),
        format!("V3/{}", scenario.image()),
        "V2/".to_owned(),
    ] {
        let text = failing_import(&scenario, &id)?;
        assert!(
            text.contains("V1/") && text.contains("V2/"),
            "not the form of an id: {text}"
        );
    }
    Ok(())
}

#[test]
fn a_missing_index_is_not_imported() -> Result<()> {
    let scenario = Scenario::new("")?;
    let text = failing_import(&scenario, &format!("V2/{}", scenario.image()))?;
    // The first is Terraform's own message.
    assert!(
        text.contains("non-existent") || text.contains(ENABLED),
        "{text}"
    );
    assert!(scenario.terraform.resource(ADDRESS)?.is_none());
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

/// Terraform 1.12 and later import by identity. The index version has a default.
#[test]
fn an_index_is_imported_by_its_identity() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = Terraform::overriding(Version::Pinned)?;
    terraform.write("main.tf", &configuration(&reference, ""))?;
    terraform.apply()?;
    terraform
        .run(&["state", "rm", "-no-color", ADDRESS])?
        .success()?;

    let import = |identity: &str| {
        let import = format!("import {{\n  to = {ADDRESS}\n  identity = {{ {identity} }}\n}}\n");
        terraform.write("import.tf", &import)?;
        let output = terraform.apply()?;
        ensure!(
            output.all().contains("1 imported, 0 added, 0 changed"),
            "{output}"
        );
        terraform.expect_empty_plan()
    };
    import(&format!("image = \"{reference}\""))?;

    // Another tag is another identity, and a change of the tag is no other resource.
    terraform.write("import.tf", "")?;
    terraform.write("main.tf", &configuration(&reference, "tag = \"lazy\""))?;
    assert_eq!(terraform.planned(ADDRESS)?, ["update"]);
    terraform.apply()?;
    terraform.expect_empty_plan()?;
    terraform
        .run(&["state", "rm", "-no-color", ADDRESS])?
        .success()?;
    import(&format!("image = \"{reference}\"\n tag = \"lazy\""))?;
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

/// An index of V1 has no tag.
#[test]
fn an_index_of_v1_is_imported_by_its_identity() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    configured(&reference, "index_version = \"V1\"")?.apply()?;
    let terraform = Terraform::overriding(Version::Pinned)?;
    terraform.write(
        "main.tf",
        &configuration(&reference, "index_version = \"V1\""),
    )?;
    let import = format!(
        "import {{\n  to = {ADDRESS}\n  identity = {{\n    image = \"{reference}\"\n    \
         index_version = \"V1\"\n  }}\n}}\n"
    );
    terraform.write("import.tf", &import)?;
    let output = terraform.apply()?;
    ensure!(
        output.all().contains("1 imported, 0 added, 0 changed"),
        "{output}"
    );
    terraform.expect_empty_plan()
}
