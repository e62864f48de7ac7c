//! Images that were pushed before the builder existed.

use anyhow::Result;
use tests::fake::proxy::{DENIED, Fault, Rule};

use super::{ARGUMENTS, FILTER, Scenario};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image};

/// An apply that could not start the sweep says so, and the next one starts it.
#[test]
fn a_sweep_that_could_not_be_started_is_not_forgotten() -> Result<()> {
    let arguments = format!("{ARGUMENTS}\n  index_existing = true");
    let scenario = Scenario::new(&arguments)?;
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    let denied = Rule::new("POST", "/invocations", Fault::Refuse(DENIED));
    scenario.proxy.add(denied);
    let said = scenario.terraform.apply()?.all();
    assert!(said.contains("Existing images not indexed yet"), "{said}");
    scenario.proxy.heal();
    let plan = scenario.terraform.plan()?;
    assert!(plan.changes, "{}", plan.output);
    assert!(
        plan.output
            .all()
            .contains("existing images not looked for yet"),
        "{}",
        plan.output
    );
    scenario.terraform.apply()?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn existing_images_are_indexed_on_request() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    scenario.aws.create_repository("tools/cli")?;
    for repository in [REPOSITORY, "tools/cli"] {
        scenario.push(repository, TAG, |layout| image(layout, "amd64", 1))?;
    }
    scenario.terraform.apply()?;
    scenario.configure(&format!("{ARGUMENTS}\n  index_existing = true"))?;
    scenario.terraform.apply()?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    scenario.wait_for_message(FILTER, &["swept: 1 looked at", "1 handed on"])?;
    scenario.expect_empty_plan()?;
    assert_eq!(scenario.aws.tags("tools/cli")?, [TAG]);

    // Changing the filters starts another sweep, which passes what is indexed.
    let wider = "repository_image_tag_filters = [\"*:*\"]\n  index_existing = true";
    scenario.configure(wider)?;
    scenario.terraform.apply()?;
    scenario.wait_for_enabled("tools/cli", ENABLED)?;
    scenario.wait_for_message(
        FILTER,
        &["swept: 2 looked at, 1 indexed already, 1 handed on"],
    )?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}
