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

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "floor") {
        // This program is its own helper, so that the helper's costs can be told apart.
        let layer = arguments.next().expect("a layer");
        return floor::run(Path::new(&layer)).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let met = inputs::make().and_then(|inputs| {
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
