//! Golden vectors: what the reference implementation makes of every layer and every image, a
//! test each. The word before a test's name says where we differ on purpose, and why.

mod fixtures;
#[path = "../support/knowledge.rs"]
mod knowledge;
mod layers;
mod layouts;
#[path = "../support/memory.rs"]
mod memory;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut trials = layers::trials();
    trials.extend(layouts::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
