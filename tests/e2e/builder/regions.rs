//! Builders of one name in several regions, with one provider.

use anyhow::Result;

use super::{ARGUMENTS, BUILDER, NAME, Scenario};

/// A builder for each of two regions; the provider's is the first.
const BOTH: &str = r#"for_each = toset(["eu-west-1", "us-east-1"])
  region   = each.key"#;

fn address(region: &str) -> String {
    format!("{BUILDER}[\"{region}\"]")
}

#[test]
fn one_provider_serves_several_regions() -> Result<()> {
    let scenario = Scenario::new(&format!("{BOTH}\n  {ARGUMENTS}"))?;
    scenario.terraform.apply()?;
    for region in ["eu-west-1", "us-east-1"] {
        let builder = scenario.terraform.expect_resource(&address(region))?;
        assert_eq!(builder.text("region")?, region);
        for part in ["rule_arn", "index_generator_function_arn", "ztoc_table_arn"] {
            let arn = builder.text(part)?;
            assert!(arn.contains(&format!(":{region}:")), "{part}: {arn}");
        }
        let role = builder.text("index_generator_role_name")?;
        assert!(role.ends_with(region), "{role}");
    }
    scenario.expect_empty_plan()?;

    let away = address("us-east-1");
    let forget = ["state", "rm", "-no-color", &away];
    scenario.terraform.run(&forget)?.success()?;
    let id = format!("{NAME}@us-east-1");
    scenario.terraform.import(&away, &id)?;
    let imported = scenario.terraform.expect_resource(&away)?;
    assert_eq!(imported.text("region")?, "us-east-1");
    scenario.expect_empty_plan()?;
    scenario.terraform.destroy()?;
    assert!(scenario.terraform.resources()?.is_empty());
    Ok(())
}

#[test]
fn another_region_replaces_the_builder() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    // The provider's own region is no change.
    scenario.configure(&format!("region = \"eu-west-1\"\n  {ARGUMENTS}"))?;
    scenario.expect_empty_plan()?;
    scenario.configure(&format!("region = \"us-east-1\"\n  {ARGUMENTS}"))?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["delete", "create"]);
    scenario.terraform.apply()?;
    let arn = scenario.builder()?.text("rule_arn")?.to_owned();
    assert!(arn.contains(":us-east-1:"), "{arn}");
    // Without the argument, it goes back to the provider's.
    scenario.configure(ARGUMENTS)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["delete", "create"]);
    Ok(())
}

#[test]
fn a_region_that_is_none_is_refused() -> Result<()> {
    let scenario = Scenario::new(&format!("region = \"Europe\"\n  {ARGUMENTS}"))?;
    let errors = scenario.terraform.failing_plan()?;
    assert_eq!(errors[0].summary, "Invalid AWS region");
    Ok(())
}
