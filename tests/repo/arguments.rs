//! No argument of the builder is forgotten on its way from the table to the user.
//!
//! The compiler makes every entry of the table in `provider/src/builder/arguments.rs` say how the
//! argument is declared and how a refresh finds it. This guard checks the rest: an argument is
//! documented and tested, and none is declared outside the table.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::tracked;

const TABLE: &str = "provider/src/builder/arguments.rs";
const PAGE: &str = "docs/resources/index_builder.md";

#[test]
fn no_argument_is_forgotten() -> Result<()> {
    let mut tests = String::new();
    for (file, text) in tracked::sources()? {
        if file.starts_with("tests/e2e/builder") || file.ends_with("tests.rs") {
            tests.push_str(&text);
        } else if let Some((_, unit_tests)) = text.split_once("#[cfg(test)]\nmod tests {") {
            tests.push_str(unit_tests);
        }
    }
    let table = tracked::text(TABLE)?;
    ensure!(entries(&table).len() > 20, "{TABLE}: is it read right?");
    let wrong = forgotten(&table, &tracked::text(PAGE)?, &tests);
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// Describes every argument that is missing somewhere.
fn forgotten(table: &str, page: &str, tests: &str) -> Vec<String> {
    let documented = documented(page);
    let tested: BTreeSet<&str> = tests
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let mut wrong = Vec::new();
    let mut declared = BTreeSet::new();
    for (name, entry) in entries(table) {
        for part in ["schema:", "refresh:"] {
            if !entry.contains(part) {
                wrong.push(format!("{name}: no {part} in the table"));
            }
        }
        if !documented.contains(name) {
            wrong.push(format!("{name}: not in {PAGE}"));
        }
        if !tested.contains(name) {
            wrong.push(format!("{name}: not in any test of the builder"));
        }
        declared.insert(name);
    }
    for name in documented.difference(&declared) {
        wrong.push(format!("{name}: not in the table of arguments"));
    }
    wrong
}

/// The entries of the table, `name: type = default => { … }`, by name.
fn entries(table: &str) -> Vec<(&str, &str)> {
    let mut entries = Vec::new();
    let mut rest = table;
    while let Some((head, after)) = rest.split_once("=> {\n") {
        let Some((body, after)) = after.split_once("\n        }\n") else {
            break;
        };
        let line = head.rsplit('\n').next().unwrap_or(head);
        if let Some((name, _)) = line.trim_start().split_once(": ") {
            entries.push((name, body));
        }
        rest = after;
    }
    entries
}

/// The arguments in the reference page: the attributes and blocks that are required or optional.
fn documented(page: &str) -> BTreeSet<&str> {
    let schema = page.split_once("## Schema\n").map_or("", |(_, rest)| rest);
    let schema = schema.split("<a id=").next().unwrap_or(schema);
    let arguments = schema.split("### Read-Only").next().unwrap_or(schema);
    let names = arguments.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("- `")?.split_once('`')?;
        Some(name)
    });
    // Every resource has it; the SDK declares it.
    names.filter(|name| *name != "timeouts").collect()
}

#[cfg(test)]
mod tests {
    use super::forgotten;

    const TABLE: &str = "
macro_rules! with_arguments {
    ($reader:ident) => { $reader! {
        /// Name: of it.
        name: String = \"x\".to_owned() => {
            schema: |attribute| attribute.requires_replace(),
            refresh: Kept(\"by it\"),
        }

        /// Size.
        size: i64 = 4 << 20 => {
            schema: |attribute| attribute,
            refresh: Aws(|seen| match seen { _ => { None } }),
        }
    } };
}
";
    const PAGE: &str = "## Schema\n\n### Optional\n\n- `name` (String) Name.\n- `size` (Number) \
        Size.\n- `timeouts` (Block)\n\n### Read-Only\n\n- `arn` (String) ARN.\n";
    const TESTS: &str = "name = \"a\"\n size = 5";

    #[test]
    fn complete_arguments_pass() {
        assert_eq!(forgotten(TABLE, PAGE, TESTS), Vec::<String>::new());
    }

    #[test]
    fn a_forgotten_argument_is_found() {
        let cases = [
            (
                forgotten(&TABLE.replace("refresh: Kept", "kept:"), PAGE, TESTS),
                "name: no refresh: in the table",
            ),
            (
                forgotten(&TABLE.replace("schema: |attribute| attribute,", ""), PAGE, TESTS),
                "size: no schema: in the table",
            ),
            (
                forgotten(TABLE, &PAGE.replace("- `size`", "- `other-size`"), TESTS),
                "size: not in docs/resources/index_builder.md",
            ),
            (
                forgotten(TABLE, PAGE, "name = 1; resize = 2"),
                "size: not in any test of the builder",
            ),
            (
                forgotten(TABLE, &PAGE.replace("- `timeouts`", "- `color`"), TESTS),
                "color: not in the table of arguments",
            ),
        ];
        for (found, wanted) in cases {
            assert!(found.iter().any(|its| its == wanted), "{found:#?}");
        }
    }
}
