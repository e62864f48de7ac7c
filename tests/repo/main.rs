//! Facts about the repository itself that no compiler checks.

mod arguments;
mod comments;
mod crates;
mod layout;
mod modules;
mod paths;
mod tracked;

use std::process::Command;

use anyhow::{Context, Result};
use tests::interrupt::Interrupt;
use tests::{process, wait, workspace};

/// Standard output of a command in the root of the repository.
fn output_of(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace::root());
    let output = process::run(&mut command, wait::SOON, &Interrupt::default())?;
    Ok(output
        .success()
        .with_context(|| format!("{program} is needed"))?
        .stdout)
}

/// Checks that every violation is in one of the `expected` directories, and that each of these has
/// one. A violation starts with the path of its file.
#[track_caller]
fn expect_only(violations: &[String], expected: &[&str]) {
    let (known, new): (Vec<_>, Vec<_>) = violations.iter().partition(|violation| {
        let directory = |its: &&str| violation.starts_with(*its);
        expected.iter().any(directory)
    });
    assert!(new.is_empty(), "{new:#?}");
    for directory in expected {
        let still = known.iter().any(|its| its.starts_with(directory));
        assert!(still, "{directory} is clean: expect nothing there any more");
    }
}
