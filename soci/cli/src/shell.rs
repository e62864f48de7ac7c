//! Completion scripts and manual pages.

use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::Exit;
use crate::markdown;
use crate::output::print;

/// Prints the completion script for a shell.
pub(crate) fn completions(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "soci", &mut script);
    print(script)?;
    Ok(Exit::Success)
}

/// Writes a manual page for the program and for each command.
pub(crate) fn manual(directory: &Path, markdown: bool) -> Result<Exit> {
    if markdown {
        markdown::write(Cli::command(), directory)?;
        return Ok(Exit::Success);
    }
    clap_mangen::generate_to(Cli::command(), directory)
        .with_context(|| format!("writing to {}", directory.display()))?;
    Ok(Exit::Success)
}
