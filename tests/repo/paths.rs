//! Documentation names only files that exist.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::tracked;

/// Documents whose paths are checked: the ones that a contributor reads.
fn is_checked(file: &str) -> bool {
    let is_design = file.starts_with("docs/design/") && !is_record(file);
    is_design || ["CONTRIBUTING.md", "README.md"].contains(&file)
}

/// Whether a file is a decision record, which may name files as they were.
fn is_record(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.starts_with(|c: char| c.is_ascii_digit())
}

#[test]
fn documents_name_only_files_that_exist() -> Result<()> {
    let files = tracked::files()?;
    let existing = existing(&files);
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| is_checked(file)) {
        let text = tracked::text(file)?;
        for path in missing(&text, &existing) {
            wrong.push(format!("{file}: no {path}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// Every file and every directory.
pub(crate) fn existing(files: &[String]) -> BTreeSet<&str> {
    let mut existing = BTreeSet::new();
    for file in files {
        let mut path = file.as_str();
        while existing.insert(path) {
            path = match path.rsplit_once('/') {
                Some((parent, _)) => parent,
                None => break,
            };
        }
    }
    existing
}

/// Parts of paths that stand for a name to choose.
const PLACEHOLDERS: [&str; 2] = ["NAME", "FAMILY"];

/// The paths in a document that do not exist: those between backticks that begin with a directory
/// of the repository.
fn missing<'a>(text: &'a str, existing: &BTreeSet<&str>) -> Vec<&'a str> {
    let quoted = text.split('`').skip(1).step_by(2).filter(|path| {
        let is_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let first = path.split('/').next().unwrap_or_default();
        let is_placeholder = PLACEHOLDERS.iter().any(|name| path.contains(name));
        let in_repository = path.contains('/') && existing.contains(first);
        in_repository && path.chars().all(is_path) && !is_placeholder
    });
    let quoted = quoted.filter(|path| !existing.contains(path.trim_end_matches('/')));
    quoted.collect()
}

#[test]
fn a_missing_path_is_found() {
    let files = ["soci/src/lib.rs", "docs/design/README.md"];
    let files = files.map(str::to_owned);
    let text = "`soci/src/lib.rs`, `soci/src/`, `soci/src/gone.rs`, `other/file`, `a b/c`, `soci/src/NAME.rs`";
    let found = missing(text, &existing(&files));
    assert_eq!(found, ["soci/src/gone.rs"]);
    assert!(is_checked("docs/design/glossary.md") && !is_checked("docs/design/0001-plugin-sdk.md"));
}
