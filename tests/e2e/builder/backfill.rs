//! Images that were pushed before the builder existed.

use anyhow::Result;

use super::{ARGUMENTS, Scenario};
use crate::scenario::{ENABLED, REPOSITORY, TAG, image};

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
    scenario.expect_empty_plan()?;
    assert_eq!(scenario.aws.tags("tools/cli")?, [TAG]);

    // Changing the filters starts another backfill.
    let wider = "repository_image_tag_filters = [\"*:*\"]\n  index_existing = true";
    scenario.configure(wider)?;
    scenario.terraform.apply()?;
    scenario.wait_for_enabled("tools/cli", ENABLED)?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}
