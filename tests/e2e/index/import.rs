//! An index that is there already comes under terraform's care.

use anyhow::{Result, ensure};

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, Scenario, TAG, initialised};

#[test]
fn both_versions_are_imported() -> Result<()> {
    for (version, arguments) in [("V2", ""), ("V1", "index_version = \"V1\"")] {
        let scenario = Scenario::new(arguments)?;
        scenario.terraform.apply()?;
        let made = scenario.resource()?;

        let other = initialised(&scenario.image(), arguments)?;
        other.import(ADDRESS, &format!("{version}/{}", scenario.image()))?;
        let imported = other.expect_resource(ADDRESS)?;
        assert_eq!(imported.values, made.values);
        let plan = other.plan()?;
        assert!(
            !plan.changes,
            "{version}: the plan is not empty: {}",
            plan.output
        );
    }
    Ok(())
}

/// What terraform says to an import that must fail.
fn refusal(scenario: &Scenario, id: &str) -> Result<String> {
    let arguments = ["import", "-no-color", "-input=false", ADDRESS, id];
    let output = scenario.terraform.run(&arguments)?;
    ensure!(!output.status.success(), "imported: {output}");
    Ok(output.all())
}

#[test]
fn an_id_that_is_none_is_explained() -> Result<()> {
    let scenario = Scenario::new("")?;
    for id in [
        scenario.image(),
        format!("V3/{}", scenario.image()),
        "V2/".to_owned(),
    ] {
        let text = refusal(&scenario, &id)?;
        assert!(
            text.contains("V1/") && text.contains("V2/"),
            "not the form of an id: {text}"
        );
    }
    Ok(())
}

#[test]
fn an_index_that_is_not_there_is_not_imported() -> Result<()> {
    let scenario = Scenario::new("")?;
    let text = refusal(&scenario, &format!("V2/{}", scenario.image()))?;
    // Either is an explanation; the first is terraform's own.
    assert!(
        text.contains("non-existent") || text.contains(ENABLED),
        "{text}"
    );
    assert!(scenario.terraform.resource(ADDRESS)?.is_none());
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}
