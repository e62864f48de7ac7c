//! The command line program `soci`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
