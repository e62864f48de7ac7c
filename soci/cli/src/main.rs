//! The command line program `soci`.

mod access;
mod args;
mod convert;
mod create;
mod doctor;
mod exit;
mod files;
mod image;
mod inspect;
mod location;
mod markdown;
mod output;
mod progress;
mod report;
mod reuse;
mod run;
mod shell;
mod size;
mod verify;
mod wait;
mod ztoc;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;

/// The allocator of static programs: that of musl has one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::start(cli.verbosity());
    let memory = cli.memory();
    match run::run(cli.command, &memory) {
        Ok(exit) => exit.into(),
        Err(error) => exit::explain(&error).into(),
    }
}
