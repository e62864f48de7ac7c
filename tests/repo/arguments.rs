//! No argument of the builder is forgotten.
//!
//! Schema, state and refresh of an argument all come from its entry in one table, so that the
//! compiler objects if one is left out. What it cannot see is whether anybody can read about the
//! argument, and whether any test sets it.

use anyhow::Result;

use crate::tracked;

const TABLE: &str = "provider/src/builder/arguments.rs";
const PAGE: &str = "docs/resources/index_builder.md";

#[test]
fn every_argument_of_the_builder_is_documented_and_tested() -> Result<()> {
    let arguments = declared(&tracked::text(TABLE)?);
    assert!(arguments.len() >= 20, "only {arguments:?}: is this all?");
    let page = tracked::text(PAGE)?;
    let tests = tests()?;
    let wrong: Vec<String> = arguments
        .iter()
        .flat_map(|argument| forgotten(argument, &page, &tests))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// Returns the names in the table of arguments.
fn declared(table: &str) -> Vec<String> {
    let entries = table.lines().filter(|line| line.ends_with(" => {"));
    let names = entries.filter_map(|line| Some(line.trim_start().split_once(": ")?.0));
    let is_name = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    names.filter(is_name).map(str::to_owned).collect()
}

/// Returns the text of all tests that may set an argument: of a whole builder, and of its modules.
fn tests() -> Result<String> {
    let mut text = String::new();
    for file in tracked::files()? {
        let is_source = file.ends_with(".rs") || file.ends_with(".tf");
        if is_source && file.starts_with("tests/e2e/") {
            text.push_str(&tracked::text(&file)?);
        } else if is_source && file.starts_with("provider/src/builder/") {
            let module = tracked::text(&file)?;
            let tests = match file.ends_with("/tests.rs") {
                true => Some(module.as_str()),
                false => module
                    .split_once("#[cfg(test)]\nmod tests {")
                    .map(|it| it.1),
            };
            text.push_str(tests.unwrap_or_default());
        }
    }
    Ok(text)
}

/// Returns where an argument is missing.
fn forgotten(argument: &str, page: &str, tests: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !page.contains(&format!("- `{argument}` ("))
        && !page.contains(&format!("`{argument}` block"))
    {
        wrong.push(format!("{argument}: not in {PAGE}; `make docs` writes it"));
    }
    let mut words = tests.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    if !words.any(|word| word == argument) {
        wrong.push(format!("{argument}: no test sets it"));
    }
    wrong
}

#[test]
fn a_forgotten_argument_is_found() {
    let table =
        "        invented: i64 = 1 => {\n            schema: |attribute| attribute,\n        }";
    assert_eq!(declared(table), ["invented"]);
    let page = "- `invented` (Number) Something.";
    assert!(forgotten("invented", page, "invented = 2").is_empty());
    assert_eq!(forgotten("invented", page, "not_invented = 2").len(), 1);
    assert_eq!(
        forgotten("invented", "- `invented_too` (Number)", "").len(),
        2
    );
}
