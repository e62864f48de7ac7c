//! Actions, which Terraform has had since 1.14.

use anyhow::{Result, ensure};
use tests::registry::Registry;
use tests::terraform::{Terraform, Version};

use crate::scenario::{ENABLED, REPOSITORY, TAG, image, push};

/// A configuration with an action, and a resource that triggers it.
fn configuration(image: &str, arguments: &str) -> String {
    format!(
        r#"terraform {{
  required_providers {{
    soci = {{ source = "soci/soci" }}
  }}
}}
action "soci_build_index" "this" {{
  config {{
    image = "{image}"
    {arguments}
  }}
}}
resource "terraform_data" "pushed" {{
  input = "1"
  lifecycle {{
    action_trigger {{
      events  = [after_create]
      actions = [action.soci_build_index.this]
    }}
  }}
}}
"#
    )
}

fn configured(image: &str, arguments: &str) -> Result<Terraform> {
    let terraform = Terraform::overriding(Version::Pinned)?;
    terraform.write("main.tf", &configuration(image, arguments))?;
    Ok(terraform)
}

#[test]
fn an_image_is_indexed_by_an_action() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = configured(&reference, "")?;
    let output = terraform.apply()?.all();
    let enabled = registry.expect_manifest(REPOSITORY, ENABLED)?.digest;
    for want in ["indexed (", &format!("@{enabled}")] {
        ensure!(output.contains(want), "no {want}: {output}");
    }
    // It is nobody's afterwards.
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG, ENABLED]);

    let invoke = [
        "apply",
        "-auto-approve",
        "-no-color",
        "-invoke=action.soci_build_index.this",
    ];
    let terraform = configured(&reference, "index_version = \"V1\"")?;
    terraform.run(&invoke)?.success()?;
    let source = registry.expect_manifest(REPOSITORY, TAG)?.digest;
    let fallback = source.replace(':', "-");
    assert_eq!(registry.tags(REPOSITORY)?, [TAG, ENABLED, &fallback]);
    Ok(())
}

#[test]
fn what_is_wrong_with_an_action_is_reported() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let absent = registry.reference(&format!("{REPOSITORY}:absent"));
    let terraform = configured(&reference, "span_size = 1")?;
    let output = terraform.run(&["plan", "-no-color"])?;
    ensure!(!output.status.success(), "planned:\n{output}");
    ensure!(output.all().contains("span_size"), "{output}");
    terraform.write("main.tf", &configuration(&absent, ""))?;
    let output = terraform.run(&["apply", "-auto-approve", "-no-color"])?;
    ensure!(!output.status.success(), "applied:\n{output}");
    ensure!(output.all().contains("Image not found"), "{output}");
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}
