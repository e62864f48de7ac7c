//! The command line program `soci`.

mod access;
mod args;
mod convert;
mod create;
mod exit;
mod inspect;
mod location;
mod output;
mod progress;
mod report;
mod shell;
mod size;
mod verify;
mod ztoc;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::start(cli.verbosity());
    match cli.run() {
        Ok(exit) => exit.into(),
        Err(error) => exit::explain(&error).into(),
    }
}
