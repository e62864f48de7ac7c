//! Facts about the repository itself that no compiler checks.

mod arguments;
mod comments;
mod crates;
mod layout;
mod links;
mod modules;
mod paths;
mod permissions;
mod tracked;
mod workflows;

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
