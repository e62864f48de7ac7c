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
mod stages;
mod table;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // This program is its own helper, so that the helper's costs can be told apart, and so that its own
    // memory is not counted as that of the programs it starts.
    let mut arguments = std::env::args_os().skip(1);
    let helper = arguments.next();
    let met = match helper.as_ref().and_then(|name| name.to_str()) {
        Some("floor") => floor::run(Path::new(&arguments.next().expect("a layer"))).map(|()| true),
        Some("inputs") => inputs::make().map(|_| true),
        Some("layers") => stages::layers(),
        Some("memory") => inputs::scale().and_then(memory::publish),
        _ => stages::all(),
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
