//! Measuring every input, and comparing the ratios with their targets.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::cost::run;
use tests::results::{Chart, Table, Targets};

use crate::inputs::Layer;
use crate::measure::cheapest;

/// Processor time of `soci ztoc build`, at most so many times that of `gzip -dc`.
const OF_GZIP: f64 = 0.42;
/// And so many times the floor.
const OF_FLOOR: f64 = 1.15;
/// The CPU time of each command is the least of so many runs.
pub(crate) const RUNS: usize = 3;

const MB: f64 = 1e6;

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

/// Publishes the table. Returns whether every target is met.
pub(crate) fn publish(layers: &[Layer]) -> io::Result<bool> {
    let mut targets = Targets::default();
    let mut table = Table::new(
        "Building a zTOC",
        &format!(
            "Processor time for a layer in a file, the least of {RUNS} runs of each program. The \
             floor is a program that inflates the layer once and hashes it twice, with the same \
             libraries. Targets: at most {OF_GZIP} of `gzip -dc`, and {OF_FLOOR} of the floor; `!` \
             marks what is above. `pigz -dc` inflates in one thread as well, and reads, writes and \
             checks in others."
        ),
        &[
            "layer", "plain", "gzip", "soci", "floor", "pigz -dc", "gzip -dc", "of gzip",
            "of pigz", "of floor",
        ],
    );
    let mut series =
        ["soci", "floor", "pigz -dc", "gzip -dc"].map(|name| (name.to_owned(), vec![]));
    for layer in layers {
        // One run that does not count: afterwards the layer is in the page cache.
        let (mut command, output) = soci(&layer.path);
        run(&mut command)?;
        let inflate = |program: &str| {
            let mut command = Command::new(program);
            command.arg("-dc").arg(&layer.path);
            command
        };
        let mut floor = Command::new(std::env::current_exe()?);
        floor.arg("floor").arg(&layer.path);
        let cost = cheapest(RUNS, [command, floor, inflate("pigz"), inflate("gzip")])?;
        std::fs::remove_file(output)?;
        let cost = cost.map(|cpu| cpu.as_secs_f64());
        let [soci, floor, pigz, gzip] = cost;
        let packed = std::fs::metadata(&layer.path)?.len();
        let sizes = [layer.plain, packed].map(|size| format!("{:.0} MB", size as f64 / MB));
        let times = cost.map(|time| format!("{time:.2} s"));
        let ratios = [
            ratio(soci / gzip, OF_GZIP, &mut targets),
            format!("{:.2}", soci / pigz),
            ratio(soci / floor, OF_FLOOR, &mut targets),
        ];
        let cells = sizes.into_iter().chain(times).chain(ratios);
        table.row(std::iter::once(layer.name.to_owned()).chain(cells));
        for ((_, times), cost) in series.iter_mut().zip(cost) {
            times.push(cost / gzip);
        }
    }
    table.chart = Some(Chart {
        title: "Processor time for a layer (gzip -dc = 1)".to_owned(),
        labels: layers.iter().map(|layer| layer.name.to_owned()).collect(),
        series: series.into(),
    });
    table.publish("ztoc")?;
    Ok(targets.met())
}

/// A ratio, with a mark where it is above its target.
fn ratio(ratio: f64, target: f64, targets: &mut Targets) -> String {
    format!("{ratio:.2}{}", targets.mark(ratio <= target))
}
