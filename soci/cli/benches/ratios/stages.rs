//! The kinds of measurements, each in a process of its own.

use std::io;
use std::process::Command;

use crate::{inputs, reference, table};

/// Runs everything. Returns whether every target is met.
pub(crate) fn all() -> io::Result<bool> {
    if !help("inputs")? {
        return Ok(false);
    }
    let met = help("layers")?;
    Ok(help("memory")? && met)
}

/// Runs this program with another task. Returns whether it succeeded.
fn help(task: &str) -> io::Result<bool> {
    let mut command = Command::new(std::env::current_exe()?);
    Ok(command.arg(task).status()?.success())
}

/// Measures the layers. Returns whether every target is met.
pub(crate) fn layers() -> io::Result<bool> {
    let layers = inputs::make()?;
    let met = table::publish(&layers)?;
    reference::publish(&layers)?;
    if !met {
        eprintln!("bench: a target is missed");
    }
    Ok(met)
}
