//! Standard output and standard error.
//!
//! The standard macros panic if the reader of a pipe has closed it; the
//! functions here do not.

use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How much a command prints to standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Errors.
    Quiet,
    /// Errors, notes and progress.
    #[default]
    Normal,
    /// Errors, every note and the log.
    Verbose,
}

static VERBOSITY: OnceLock<Verbosity> = OnceLock::new();

/// Sets the verbosity of the program, once.
pub(crate) fn start(verbosity: Verbosity) {
    if VERBOSITY.set(verbosity).is_ok() && verbosity == Verbosity::Verbose {
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_target(false)
            // Such an error would be reported with a macro that panics.
            .log_internal_errors(false);
        let own = Targets::new().with_target("soci", tracing::Level::DEBUG);
        tracing_subscriber::registry().with(own).with(lines).init();
    }
}

/// Returns the verbosity of the program.
pub(crate) fn verbosity() -> Verbosity {
    VERBOSITY.get().copied().unwrap_or_default()
}

/// Writes to standard output. A closed pipe is not an error.
///
/// # Errors
/// If writing fails.
pub(crate) fn print(bytes: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(bytes.as_ref())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes a value as one line of JSON to standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(serde_json::to_string(value)? + "\n")
}

/// Writes lines of text to standard output, without control characters.
pub(crate) fn print_lines(lines: impl IntoIterator<Item = String>) -> Result<()> {
    let lines = lines.into_iter().map(|line| printable(&line) + "\n");
    print(lines.collect::<String>())
}

/// Writes a line to standard error, unless the command is quiet.
pub(crate) fn note(line: &str) {
    if verbosity() > Verbosity::Quiet {
        error_line(line);
    }
}

/// Writes an error to standard error.
pub(crate) fn error(message: &str) {
    error_line(&format!("soci: {message}"));
}

fn error_line(line: &str) {
    // There is nowhere left to report a failure to.
    let _ = writeln!(std::io::stderr().lock(), "{}", printable(line));
}

/// Replaces control characters, which a terminal would interpret.
pub(crate) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
