//! Measuring every input, and comparing the ratios with their targets.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::cost::run;

use crate::inputs::Inputs;
use crate::measure::cheapest;

/// Processor time of `soci ztoc build`, at most so many times that of `gzip -dc`.
const OF_GZIP: f64 = 0.42;
/// And so many times the floor.
const OF_FLOOR: f64 = 1.15;
/// Memory at the peak beside the zTOC, at most so many bytes.
const BESIDE: u64 = 16 << 20;
/// The CPU time of each command is the least of so many runs.
pub(crate) const RUNS: usize = 3;

const MIB: f64 = (1 << 20) as f64;

/// The command that is measured; Cargo has built it for this.
pub(crate) fn soci(layer: &Path) -> (Command, PathBuf) {
    let output = layer.with_extension("ztoc");
    let mut command = Command::new(env!("CARGO_BIN_EXE_soci"));
    command
        .args(["ztoc", "build"])
        .arg(layer)
        .arg("--output")
        .arg(&output);
    (command, output)
}

/// Prints the tables. Returns whether every target is met.
pub(crate) fn print(inputs: &Inputs) -> io::Result<bool> {
    let mut met = true;
    println!(
        "{:<20} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "layer", "plain", "gzip", "soci", "gzip -dc", "floor", "of gzip", "of floor"
    );
    for layer in &inputs.layers {
        // One run that does not count: afterwards the layer is in the page cache.
        let (mut command, output) = soci(&layer.path);
        run(&mut command)?;
        let mut gzip = Command::new("gzip");
        gzip.arg("-dc").arg(&layer.path);
        let mut floor = Command::new(std::env::current_exe()?);
        floor.arg("floor").arg(&layer.path);
        let cost = cheapest(RUNS, [command, gzip, floor])?;
        std::fs::remove_file(output)?;
        let [soci, gzip, floor] = cost.map(|cpu| cpu.as_secs_f64());
        let (of_gzip, of_floor) = (soci / gzip, soci / floor);
        println!(
            "{:<20} {:>5.0} MiB {:>5.0} MiB {soci:>6.2} s {gzip:>6.2} s {floor:>6.2} s {} {}",
            layer.name,
            layer.plain as f64 / MIB,
            std::fs::metadata(&layer.path)?.len() as f64 / MIB,
            ratio(of_gzip, OF_GZIP, &mut met),
            ratio(of_floor, OF_FLOOR, &mut met),
        );
    }
    println!("{:>69} {OF_GZIP:>8.2}  {OF_FLOOR:>8.2}", "at most");

    let (mut command, output) = soci(&inputs.huge.path);
    let memory = run(&mut command)?.memory as f64;
    let bytes = std::fs::read(&output)?;
    std::fs::remove_file(output)?;
    let allowed = (bytes.len() as u64 + BESIDE) as f64;
    println!();
    println!(
        "memory for {:.0} MiB plain: {:.0} MiB at the peak, of {:.0} MiB for the zTOC and the rest:{}",
        inputs.huge.plain as f64 / MIB,
        memory / MIB,
        allowed / MIB,
        ratio(memory / allowed, 1.0, &mut met),
    );
    Ok(met)
}

/// A ratio, with a mark where it is over its target.
fn ratio(ratio: f64, target: f64, met: &mut bool) -> String {
    let over = ratio > target;
    *met &= !over;
    format!("{ratio:>8.2}{}", if over { '!' } else { ' ' })
}
