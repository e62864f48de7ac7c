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
    // This program is its own helper, so that the helper's costs can be told apart, and so that the
    // memory of whoever makes inputs is not counted as that of the programs started later.
    let mut arguments = std::env::args_os().skip(1);
    let helper = arguments.next();
    let helped = match helper.as_ref().and_then(|name| name.to_str()) {
        Some("floor") => floor::run(Path::new(&arguments.next().expect("a layer"))),
        Some("inputs") => inputs::make().map(drop),
        _ => return measure(),
    };
    match helped {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make_inputs() -> io::Result<inputs::Inputs> {
    let mut command = Command::new(std::env::current_exe()?);
    if !command.arg("inputs").status()?.success() {
        return Err(io::Error::other("the inputs are not made"));
    }
    inputs::make()
}

fn measure() -> ExitCode {
    let met = make_inputs().and_then(|inputs| {
        let met = table::publish(&inputs.layers)?;
        reference::publish(&inputs.layers)?;
        Ok(memory::publish(inputs.scale)? && met)
    });
    match met {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a target is missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
