//! The layout of the repository: lengths and names of files, and what none of them may contain.

use anyhow::Result;

use crate::tracked::{files, read, sources};

/// Maximum number of lines of a source file, and of a `main.rs`.
const MAX_LINES: usize = 600;
const MAX_LINES_OF_MAIN: usize = 60;

#[test]
fn no_source_file_is_too_long() -> Result<()> {
    let sources = sources()?;
    let wrong: Vec<_> = sources
        .iter()
        .filter_map(|(file, text)| too_long(file, text))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// Describes a file that has too many lines.
fn too_long(file: &str, text: &str) -> Option<String> {
    let is_main = file == "main.rs" || file.ends_with("/main.rs");
    let most = if is_main {
        MAX_LINES_OF_MAIN
    } else {
        MAX_LINES
    };
    let lines = text.lines().count();
    (lines > most).then(|| format!("{file}: {lines} lines, want at most {most}"))
}

#[test]
fn a_long_file_is_found() {
    let lines = |count| "// line\n".repeat(count);
    let table = [
        ("soci/src/lib.rs", 600, None),
        ("soci/src/lib.rs", 601, Some("601 lines, want at most 600")),
        ("soci/src/main.rs", 60, None),
        ("soci/src/main.rs", 61, Some("61 lines, want at most 60")),
        ("main.rs", 61, Some("61 lines, want at most 60")),
        ("soci/src/domain.rs", 61, None),
    ];
    for (file, count, wanted) in table {
        let found = too_long(file, &lines(count));
        let wanted = wanted.map(|wanted| format!("{file}: {wanted}"));
        assert_eq!(found, wanted);
    }
}

#[test]
fn modules_are_named_after_themselves() -> Result<()> {
    let mut wrong = files()?;
    wrong.retain(|file| file.ends_with("/mod.rs"));
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
