//! The reference pages agree with the provider.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tests::docs::{Schemas, is_of_command, pages, stale_commands};
use tests::terraform::{Terraform, Version};
use tests::workspace;

#[test]
fn pages_agree_with_the_provider_and_the_examples() -> Result<()> {
    let mut stale = Schemas::load()?.stale()?;
    stale.extend(stale_commands()?);
    let stale: Vec<_> = stale.iter().map(|(path, _)| path.display()).collect();
    ensure!(
        stale.is_empty(),
        "{stale:?}: not what the provider says; run `make docs`"
    );
    Ok(())
}

#[test]
fn everything_has_a_page_an_example_and_a_description() -> Result<()> {
    let schemas = Schemas::load()?;
    let undescribed = schemas.undescribed();
    assert!(undescribed.is_empty(), "no description: {undescribed:#?}");

    let docs = workspace::root().join("docs");
    // The second is no page of the registry: it is what `make bench` measured.
    let mut wanted = BTreeSet::from([docs.join("index.md"), docs.join("benchmarks.md")]);
    for (directory, name) in schemas.names() {
        let short = name.strip_prefix("soci_").unwrap_or(&name);
        let page = docs.join(directory).join(format!("{short}.md"));
        let text = std::fs::read_to_string(&page)
            .with_context(|| format!("{} has no page {}", name, page.display()))?;
        for part in ["page_title: ", "subcategory: ", "description: "] {
            assert!(text.contains(part), "{}: no {part}", page.display());
        }
        let example = format!("<!-- example: {directory}/{name}/");
        assert!(text.contains(&example), "{}: no example", page.display());
        wanted.insert(page);
    }
    let guides = docs.join("guides");
    let others = pages()?
        .into_iter()
        .filter(|page| !wanted.contains(page) && !page.starts_with(&guides));
    let others = others.filter(|page| !is_of_command(page));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
    Ok(())
}

#[test]
fn every_example_is_valid() -> Result<()> {
    let mut directories = vec![workspace::root().join("examples")];
    let mut checked = 0;
    while let Some(directory) = directories.pop() {
        // Only newer versions have actions and queries.
        let newer = |part: &OsStr| part == "actions" || part == "list-resources";
        let version = match directory.iter().any(newer) {
            true => Version::Pinned,
            false => Version::OnPath,
        };
        let terraform = Terraform::with(version)?;
        let mut files = 0;
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if let Some(kind @ ("tf" | "hcl" | "json")) =
                path.extension().and_then(OsStr::to_str)
            {
                let name = path.file_name().and_then(|name| name.to_str());
                let mut text = std::fs::read_to_string(&path)?;
                // The example of a module, which is above it.
                if text.contains("source = \"../..\"") {
                    let module = terraform.directory().join("module");
                    copy_files(&directory.join("../.."), &module)?;
                    text = text.replace("\"../..\"", "\"./module\"");
                }
                terraform.write(name.context("a name that is not UTF-8")?, &text)?;
                // What configurations read is no configuration.
                if kind == "json" {
                    continue;
                }
                files += 1;
                // Short examples do not repeat the source of the provider.
                if !text.contains("required_providers") && !directory.join("versions.tf").exists() {
                    terraform.write("versions.tf", REQUIRED)?;
                }
            }
        }
        if files > 0 {
            let context = || directory.display().to_string();
            terraform.init().with_context(context)?;
            match directory.iter().any(|part| part == "list-resources") {
                true => terraform.validate_queries().with_context(context)?,
                false => terraform.validate().with_context(context)?,
            };
            checked += 1;
        }
    }
    assert!(checked > 5, "{checked} examples only");
    Ok(())
}

/// Copies the files of a directory, but not what is in directories in it.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let file = entry?.path();
        if file.is_file() {
            std::fs::copy(&file, to.join(file.file_name().context("no name")?))?;
        }
    }
    Ok(())
}

const REQUIRED: &str = r#"terraform {
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}
"#;
