//! Costs of the program, as ratios measured in one run.
//!
//! Absolute times say more of a machine than of a program, so every layer is also given to
//! `gzip -dc`, to `pigz -dc`, and to the least that any one-pass program must do (see [`floor`]). The
//! inputs are made once, out of this machine's files, and kept under `target/bench`. The reference
//! implementation gets them too if it is there (see [`reference`]).
//!
//! - `BENCH_SCALE=N`: inputs of N percent of their usual size;
//! - `BENCH_ROOT=DIR`: the files that layers are made of (`/usr`).

mod floor;
mod inputs;
mod measure;
mod memory;
mod reference;
mod table;

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    // This program is its own helper, so that the helper's costs can be told apart, and so that its own
    // memory is not counted as that of the programs it starts.
    let mut arguments = std::env::args_os().skip(1);
    let helper = arguments.next();
    let met = match helper.as_ref().and_then(|name| name.to_str()) {
        Some("floor") => floor::run(Path::new(&arguments.next().expect("a layer"))).map(|()| true),
        Some("inputs") => inputs::make().map(|_| true),
        Some("layers") => layers(),
        Some("memory") => inputs::scale().and_then(memory::publish),
        _ => measure(),
    };
    match met {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> io::Result<bool> {
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

fn layers() -> io::Result<bool> {
    let layers = inputs::make()?;
    let met = table::publish(&layers)?;
    reference::publish(&layers)?;
    if !met {
        eprintln!("bench: a target is missed");
    }
    Ok(met)
}
