//! The module for platform teams in `examples/modules`.

use std::fs;

use anyhow::{Context, Result, ensure};
use tests::terraform::Terraform;
use tests::workspace;

/// A configuration that calls the module as `images` with these arguments.
fn module(arguments: &str) -> Result<Terraform> {
    let terraform = Terraform::new()?;
    let module = terraform.directory().join("module");
    fs::create_dir(&module)?;
    let source = workspace::root().join("examples/modules/soci-index-builder");
    for entry in fs::read_dir(&source).with_context(|| source.display().to_string())? {
        let file = entry?.path();
        fs::copy(&file, module.join(file.file_name().context("no name")?))?;
    }
    let main = format!("module \"images\" {{\n  source = \"./module\"\n  {arguments}\n}}\n");
    terraform.write("main.tf", &main)?;
    terraform.init()?;
    Ok(terraform)
}

const IMAGES: &str = r#"images = { "shop/*" = ["*"], "platform/api" = ["release-*", "latest"] }"#;

#[test]
fn builds_filters_from_repositories_and_tags() -> Result<()> {
    let expected = r#"expected = ["shop/web:1.4", "platform/api:release-7"]"#;
    let terraform = module(&format!("{IMAGES}\n  {expected}"))?;
    let plan = terraform.plan()?.output.all();
    for filter in ["platform/api:latest", "platform/api:release-*", "shop/*:*"] {
        ensure!(
            plan.contains(&format!("\"{filter}\"")),
            "no {filter}:\n{plan}"
        );
    }
    Ok(())
}

#[test]
fn checks_that_filters_match_an_image() -> Result<()> {
    let terraform = module(&format!(
        "{IMAGES}\n  expected = [\"shop/web:1\", \"tools/cli:1\"]"
    ))?;
    let output = terraform.run(&["plan", "-no-color", "-input=false"])?;
    ensure!(!output.status.success(), "{output}");
    ensure!(output.all().contains("matches tools/cli:1:"), "{output}");
    Ok(())
}

#[test]
fn refuses_patterns_that_match_nothing() -> Result<()> {
    let terraform = module("images = { \"shop/*\" = [] }")?;
    let output = terraform.run(&["plan", "-no-color", "-input=false"])?;
    ensure!(!output.status.success(), "{output}");
    ensure!(output.all().contains("at least one tag"), "{output}");
    Ok(())
}
