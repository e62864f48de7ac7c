//! The command line program `soci`.

mod cli;
mod image;
mod place;
mod progress;
mod ztoc;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
