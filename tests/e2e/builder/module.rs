//! The module for platform teams in `examples/modules`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tests::terraform::Terraform;
use tests::workspace;

const MODULE: &str = "examples/modules/soci-index-builder";

/// Copies the files of a directory, but not what is in directories in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let file = entry?.path();
        if file.is_file() {
            fs::copy(&file, to.join(file.file_name().context("no name")?))?;
        }
    }
    Ok(())
}

/// A configuration that calls the module as `images` with these arguments.
fn module(arguments: &str) -> Result<Terraform> {
    let terraform = Terraform::new()?;
    let module = terraform.directory().join("module");
    copy(&workspace::root().join(MODULE), &module)?;
    let main = format!("module \"images\" {{\n  source = \"./module\"\n  {arguments}\n}}\n");
    terraform.write("main.tf", &main)?;
    terraform.init()?;
    Ok(terraform)
}

/// The tables of the README are in the form of terraform-docs, which whoever publishes a module runs.
#[test]
fn its_readme_lists_every_input_and_output() -> Result<()> {
    let read = |name: &str| fs::read_to_string(workspace::root().join(MODULE).join(name));
    let readme = read("README.md")?;
    for (file, block, anchor) in [
        ("variables.tf", "variable", "input"),
        ("outputs.tf", "output", "output"),
    ] {
        let text = read(file)?;
        let start = format!("{block} \"");
        let names = text.lines().filter_map(|line| line.strip_prefix(&start));
        let names: Vec<_> = names.filter_map(|rest| rest.split('"').next()).collect();
        ensure!(names.len() > 3, "{file}: {names:?}");
        for name in &names {
            let row = format!("\n| <a name=\"{anchor}_{name}\"></a> ");
            ensure!(readme.contains(&row), "no {anchor} {name}");
        }
        let rows = readme.matches(&format!("<a name=\"{anchor}_")).count();
        ensure!(rows == names.len(), "{rows} rows for {names:?}");
    }
    Ok(())
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
    ensure!(output.all().contains("matches tools/cli:1, or"), "{output}");
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

/// `mock_provider`: the schema is the provider's, and nobody is asked for anything.
#[test]
fn its_own_tests_pass_with_a_mock_of_the_provider() -> Result<()> {
    let terraform = Terraform::new()?;
    let source = workspace::root().join(MODULE);
    copy(&source, &terraform.directory())?;
    copy(&source.join("tests"), &terraform.directory().join("tests"))?;
    terraform.init()?;
    let output = terraform.run(&["test", "-no-color"])?.success()?;
    ensure!(output.all().contains("4 passed, 0 failed"), "{output}");

    // They do fail where the module is wrong.
    let outputs = fs::read_to_string(source.join("outputs.tf"))?;
    let wrong = outputs.replace("soci_index_builder.this.repository_image_tag_filters", "[]");
    terraform.write("outputs.tf", &wrong)?;
    let output = terraform.run(&["test", "-no-color"])?;
    ensure!(!output.status.success(), "{output}");
    ensure!(output.all().contains("Other filters"), "{output}");
    Ok(())
}
