//! The guide to permissions shows every policy, and explains every statement of the functions' roles.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::tracked::{files, text};

const GUIDE: &str = "docs/guides/permissions.md";
const TEMPLATES: &str = "examples/permissions/";
const GOLDEN: &str = "provider/src/builder/golden/";

#[test]
fn the_guide_shows_every_policy() -> Result<()> {
    let (guide, files) = (text(GUIDE)?, files()?);
    let templates = files.iter().filter_map(|file| {
        let name = file.strip_prefix(TEMPLATES)?;
        name.ends_with(".json")
            .then(|| format!("<!-- example: permissions/{name} -->"))
    });
    let missing: Vec<_> = templates.filter(|mark| !guide.contains(mark)).collect();
    assert!(missing.is_empty(), "{GUIDE}: no {missing:#?}");
    Ok(())
}

#[test]
fn the_guide_explains_every_statement_of_a_role() -> Result<()> {
    let guide = text(GUIDE)?;
    let mut explained = 0;
    for file in files()?.iter().filter(|file| file.starts_with(GOLDEN)) {
        // Who may assume a role is explained in words.
        if file.ends_with("trust.json") {
            continue;
        }
        let policy: Value = serde_json::from_str(&text(file)?)?;
        for statement in policy["Statement"].as_array().context("no statements")? {
            let id = statement["Sid"].as_str().context("no Sid")?;
            assert!(
                guide.contains(&format!("| `{id}` |")),
                "{GUIDE}: {id} of {file} is not explained"
            );
            explained += 1;
        }
    }
    assert!(explained > 10, "{explained} statements only");
    Ok(())
}
