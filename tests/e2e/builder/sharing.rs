//! Several builders in one account.

use anyhow::{Context, Result, ensure};

use super::{ARGUMENTS, FILTER, NAME, Scenario, configuration};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image};

#[test]
fn two_builders_do_not_interfere() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let second = "\nresource \"soci_index_builder\" \"other\" {\n  name = \"others\"\n  \
                  repository_image_tag_filters = [\"tools/*:*\"]\n}\n";
    let both = configuration(ARGUMENTS) + second;
    scenario.terraform.write("main.tf", &both)?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.aws.create_repository("tools/cli")?;
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.push("tools/cli", TAG, |layout| image(layout, "amd64", 2))?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    scenario.wait_for_enabled("tools/cli", ENABLED)?;
    let by = |repository: &str| -> Result<Vec<String>> {
        let pushes = scenario.aws.pushes()?.into_iter();
        let first = pushes
            .filter(|push| push.tag == TAG)
            .find(|push| push.repository == repository);
        Ok(first.context("no push")?.reached)
    };
    assert_eq!(by(REPOSITORY)?, [FILTER]);
    assert_eq!(by("tools/cli")?, ["others-filter"]);

    scenario.configure(ARGUMENTS)?;
    scenario.terraform.apply()?;
    let functions = scenario.aws.account()?.functions;
    ensure!(
        functions.iter().all(|name| name.starts_with(NAME)),
        "{functions:?}"
    );
    scenario.push(REPOSITORY, "1.5", |layout| image(layout, "amd64", 3))?;
    scenario.wait_for_enabled(REPOSITORY, "1.5-soci")?;
    scenario.expect_nothing_after_destroy()
}
