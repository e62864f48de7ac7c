//! The provider's functions in a configuration.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::terraform::{Terraform, Version};

/// Prepares a configuration without resources of the provider.
fn with(rest: &str) -> Result<Terraform> {
    let terraform = Terraform::overriding(Version::OnPath)?;
    let head = "terraform {\n  required_providers {\n    soci = {\n      source = \"soci/soci\"\n    \
                }\n  }\n}\n";
    terraform.write("main.tf", &format!("{head}{rest}"))?;
    Ok(terraform)
}

#[test]
fn functions_in_outputs() -> Result<()> {
    let digest = format!("sha256:{}", "a".repeat(64));
    let terraform = with(&format!(
        r#"
resource "terraform_data" "later" {{
  input = "registry.example.com:5000/shop/web:1.4"
}}
output "yes" {{
  value = provider::soci::filter_matches(["other:*", "shop/*:1.?"], "shop/web", "1.4")
}}
output "no" {{
  value = provider::soci::filter_matches(["shop/*:1.?"], "shop/web", "1.44")
}}
output "none" {{
  value = provider::soci::filter_matches([], "shop/web", "")
}}
output "excluded" {{
  value = provider::soci::filter_matches(["*:*"], "shop/web", "1-dev", {{
    excluded_image_tag_filters = ["*:*-dev"]
  }})
}}
output "own" {{
  value = [for tag in ["1", "1-lazy"] : provider::soci::filter_matches(["*:*"], "shop/web", tag, {{
    excluded_image_tag_filters = null
    tag_suffix                 = "-lazy"
  }})]
}}
output "later" {{
  value = provider::soci::parse_image(terraform_data.later.output)
}}
output "short" {{
  value = provider::soci::parse_image("debian").reference
}}
output "pinned" {{
  value = provider::soci::parse_image("r.test/a@{digest}")
}}
"#
    ))?;
    terraform.apply()?;
    assert_eq!(terraform.output("yes")?, json!(true));
    assert_eq!(terraform.output("no")?, json!(false));
    assert_eq!(terraform.output("none")?, json!(false));
    assert_eq!(terraform.output("excluded")?, json!(false));
    assert_eq!(terraform.output("own")?, json!([true, false]));
    assert_eq!(
        terraform.output("later")?,
        json!({
            "digest": null,
            "name": "registry.example.com:5000/shop/web",
            "reference": "registry.example.com:5000/shop/web:1.4",
            "registry": "registry.example.com:5000",
            "repository": "shop/web",
            "tag": "1.4",
        })
    );
    assert_eq!(
        terraform.output("short")?,
        json!("docker.io/library/debian:latest")
    );
    let pinned = terraform.output("pinned")?;
    assert_eq!(
        (&pinned["digest"], &pinned["tag"]),
        (&json!(digest), &json!(null))
    );
    Ok(())
}

#[test]
fn errors_name_the_argument_and_a_remedy() -> Result<()> {
    for (call, parameter, wanted) in [
        (
            r#"filter_matches(["web"], "web", "1")"#,
            "filters",
            r#""web:*""#,
        ),
        (
            r#"filter_matches(["*:*"], "web:1", "")"#,
            "repository",
            r#""web""#,
        ),
        (r#"filter_matches(["*:*"], "web", null)"#, "tag", "null"),
        (
            r#"filter_matches(["*:*"], "web", "1", { suffix = "-soci" })"#,
            "options",
            "tag_suffix",
        ),
        (r#"parse_image("https://r.test/a")"#, "reference", "scheme"),
    ] {
        let terraform = with(&format!(
            "output \"x\" {{\n  value = provider::soci::{call}\n}}\n"
        ))?;
        let output = terraform.run(&["plan", "-no-color", "-input=false"])?;
        ensure!(!output.status.success(), "{call} succeeds: {output}");
        for wanted in [&format!("\"{parameter}\" parameter"), wanted] {
            ensure!(output.all().contains(wanted), "no {wanted} in {output}");
        }
    }
    Ok(())
}
