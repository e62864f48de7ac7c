//! Facts about the repository itself that no compiler checks.

mod files;
mod layers;

use std::process::Command;

use anyhow::{Context, Result};
use tests::interrupt::Interrupt;
use tests::{process, terraform, wait};

/// Standard output of a command in the root of the repository.
fn output_of(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(terraform::repository());
    let output = process::run(&mut command, wait::SOON, &Interrupt::default())?;
    Ok(output
        .success()
        .with_context(|| format!("{program} is needed"))?
        .stdout)
}
