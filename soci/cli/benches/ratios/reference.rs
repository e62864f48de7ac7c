//! What the reference implementation costs for the same layers.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use soci::ztoc::DEFAULT_SPAN_SIZE;

use crate::inputs::Inputs;
use crate::measure::{cheapest, run};
use crate::table::{MIB, RUNS, soci};

/// Prints a table of both. The bytes they write are the same, or this fails.
pub(crate) fn print(inputs: &Inputs) -> io::Result<()> {
    let Some(program) = program()? else {
        println!("\nthe reference implementation is measured too once `make interop` has built it");
        return Ok(());
    };
    println!(
        "\n{:<20} {:>8} {:>9} {:>12} {:>9} {:>9}",
        "layer", "soci", "reference", "of reference", "soci", "reference"
    );
    for layer in &inputs.layers {
        let (mut ours, output) = soci(&layer.path);
        let (mut theirs, their_output) = reference(&program, &layer.path);
        // Their memory, and the layer in the page cache afterwards.
        let memory = [run(&mut ours)?.memory, run(&mut theirs)?.memory].map(|bytes| bytes as f64);
        let same = std::fs::read(&output)? == std::fs::read(&their_output)?;
        if !same {
            return Err(io::Error::other(format!(
                "{}: the zTOCs differ",
                layer.name
            )));
        }
        let cost = cheapest(RUNS, [ours, theirs])?;
        std::fs::remove_file(output)?;
        std::fs::remove_file(their_output)?;
        let [soci, reference] = cost.map(|cpu| cpu.as_secs_f64());
        println!(
            "{:<20} {soci:>6.2} s {reference:>7.2} s {:>12.2} {:>5.0} MiB {:>5.0} MiB",
            layer.name,
            soci / reference,
            memory[0] / MIB,
            memory[1] / MIB,
        );
    }
    Ok(())
}

fn reference(program: &Path, layer: &Path) -> (Command, PathBuf) {
    let output = layer.with_extension("reference");
    let mut command = Command::new(program);
    command.arg(layer).arg(&output);
    command.arg(DEFAULT_SPAN_SIZE.to_string());
    (command, output)
}

/// The program, if `make interop` has built it: beside the build's other output.
fn program() -> io::Result<Option<PathBuf>> {
    let executable = std::env::current_exe()?;
    let target = executable
        .ancestors()
        .nth(3)
        .ok_or(io::ErrorKind::NotFound)?;
    let program = target.join("interop/reference");
    Ok(program.is_file().then_some(program))
}
