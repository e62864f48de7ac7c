//! The files that the repository is made of.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tests::terraform::repository;

use crate::output_of;

/// Lines of a source file, and of a `main.rs`.
const LONGEST_FILE: usize = 600;
const LONGEST_MAIN: usize = 60;

/// Every file under version control, or about to be.
fn files() -> Result<Vec<String>> {
    let list = output_of(
        "git",
        &[
            // The checkout may belong to somebody else than the one who runs the tests.
            "-c",
            "safe.directory=*",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
        ],
    )?;
    let files: Vec<_> = list.lines().map(str::to_owned).collect();
    assert!(
        files.iter().any(|file| file == "Cargo.toml"),
        "not the root: {files:?}"
    );
    // One that is deleted but not yet so in the index is no file any more.
    Ok(files
        .into_iter()
        .filter(|file| repository().join(file).is_file())
        .collect())
}

fn read(file: &str) -> Result<Vec<u8>> {
    fs::read(repository().join(file)).with_context(|| format!("{file}: cannot read"))
}

#[test]
fn no_source_file_is_too_long() -> Result<()> {
    let mut wrong = Vec::new();
    for file in files()?.iter().filter(|file| file.ends_with(".rs")) {
        let content = String::from_utf8(read(file)?)?;
        let name = Path::new(file).file_name();
        let longest = if name.is_some_and(|name| name == "main.rs") {
            LONGEST_MAIN
        } else {
            LONGEST_FILE
        };
        let lines = content.lines().count();
        if lines > longest && !is_generated(&content) {
            wrong.push(format!("{file}: {lines} lines, want at most {longest}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// Whether a file says at its head that a program wrote it.
fn is_generated(content: &str) -> bool {
    content
        .lines()
        .take(3)
        .any(|line| line.starts_with("//") && line.contains("@generated"))
}

#[test]
fn modules_are_named_after_themselves() -> Result<()> {
    let wrong: Vec<_> = files()?
        .into_iter()
        .filter(|file| file.ends_with("/mod.rs"))
        .collect();
    assert!(wrong.is_empty(), "want foo.rs beside foo/, got {wrong:?}");
    Ok(())
}

#[test]
fn the_lock_file_is_part_of_it() -> Result<()> {
    assert!(files()?.iter().any(|file| file == "Cargo.lock"));
    Ok(())
}

#[test]
fn the_licence_is_whole() -> Result<()> {
    let licence = String::from_utf8(read("LICENSE")?)?;
    for part in [
        "Version 2.0, January 2004",
        "END OF TERMS AND CONDITIONS",
        "APPENDIX",
    ] {
        assert!(licence.contains(part), "no {part:?} in LICENSE");
    }
    Ok(())
}

#[test]
fn nothing_names_the_machine_it_was_written_on() -> Result<()> {
    // Put together, so that this file does not contain them.
    let forbidden = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["../sha", "red"],
    ];
    let forbidden = forbidden.map(|parts| parts.concat());
    let mut wrong = Vec::new();
    for file in files()? {
        let content = String::from_utf8_lossy(&read(&file)?).into_owned();
        for (number, line) in content.lines().enumerate() {
            if forbidden.iter().any(|path| line.contains(path.as_str())) {
                wrong.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
