//! Features that OpenTofu has and Terraform has not.

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::registry::{PASSWORD, Registry, USER};
use tests::terraform::Terraform;

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, Scenario, TAG, image, push, text};

const ENCRYPTION: &str = r#"
terraform {
  encryption {
    key_provider "pbkdf2" "this" {
      passphrase = "a passphrase of the tests"
    }
    method "aes_gcm" "this" {
      keys = key_provider.pbkdf2.this
    }
    state {
      method   = method.aes_gcm.this
      enforced = true
    }
    plan {
      method   = method.aes_gcm.this
      enforced = true
    }
  }
}
"#;

#[test]
#[ignore = "needs OpenTofu: `make hosts` runs it"]
fn a_provider_for_each_registry() -> Result<()> {
    let registries = [
        Registry::start_authenticated()?,
        Registry::start_authenticated()?,
    ];
    let mut hosts = Vec::new();
    for registry in &registries {
        push(registry, TAG, |layout| image(layout, "amd64", 1))?;
        hosts.push(format!("\"{}\"", registry.host()));
    }
    let terraform = Terraform::new()?;
    let text = format!(
        r#"
terraform {{
  required_providers {{
    soci = {{
      source = "soci/soci"
    }}
  }}
}}

variable "registries" {{
  type    = set(string)
  default = [{hosts}]
}}

variable "indexed" {{
  type    = set(string)
  default = [{hosts}]
}}

provider "soci" {{
  alias    = "registry"
  for_each = var.registries
  registry_auth {{
    address  = each.value
    username = "{USER}"
    password = "{PASSWORD}"
  }}
}}

resource "soci_index" "this" {{
  for_each = var.indexed
  provider = soci.registry[each.value]
  image    = "${{each.value}}/{REPOSITORY}:{TAG}"
}}
"#,
        hosts = hosts.join(", ")
    );
    terraform.write("main.tf", &text)?;
    terraform.init()?;
    terraform.apply()?;
    terraform.expect_empty_plan()?;
    for registry in &registries {
        registry.expect_manifest(REPOSITORY, ENABLED)?;
    }
    // The provider of a registry outlives what it made there.
    let fewer = format!("indexed = [{}]\n", hosts[0]);
    terraform.write("terraform.tfvars", &fewer)?;
    terraform.apply()?;
    let left = registries.map(|registry| registry.manifest(REPOSITORY, ENABLED));
    let [first, second] = left;
    ensure!(first?.is_some(), "the wrong index is gone");
    ensure!(second?.is_none(), "the index is left");
    Ok(())
}

#[test]
#[ignore = "needs OpenTofu: `make hosts` runs it"]
fn encrypted_state_and_plans() -> Result<()> {
    let scenario = Scenario::new("")?;
    let terraform = &scenario.terraform;
    terraform.write("encryption.tf", ENCRYPTION)?;
    assert_eq!(terraform.planned(ADDRESS)?, ["create"]);
    terraform.apply()?;
    let shown = terraform.run(&["show", "-no-color", "-json"])?.success()?;
    let shown: Value = serde_json::from_str(&shown.stdout)?;
    let digest = text(&shown["values"]["root_module"]["resources"][0]["values"]["digest"])?;
    let state = std::fs::read_to_string(terraform.directory().join("terraform.tfstate"))?;
    ensure!(state.contains("encrypted_data"), "{state}");
    ensure!(!state.contains(digest), "{state}");
    terraform.expect_empty_plan()?;
    scenario.configure("span_size = 1048576")?;
    assert_eq!(terraform.planned(ADDRESS)?, ["update"]);
    terraform.apply()?;
    scenario.expect_enabled()?;
    terraform.destroy()?;
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}
