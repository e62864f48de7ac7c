//! Costs of the reference implementation for the same layers.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use soci::ztoc::DEFAULT_SPAN_SIZE;
use tests::cost::run;
use tests::results::{Chart, Table};

use crate::inputs::Layer;
use crate::measure::cheapest;
use crate::table::{RUNS, soci};

/// Publishes a table of both. The bytes they write are the same, or this fails.
pub(crate) fn publish(layers: &[Layer]) -> io::Result<()> {
    let Some(program) = program()? else {
        println!("\nthe reference implementation is measured too once `make interop` has built it");
        return Ok(());
    };
    let mut table = Table::new(
        "Building a zTOC with the reference implementation",
        &format!(
            "Processor time of the zTOC builder of soci-snapshotter for the same layers, the least of \
             {RUNS} runs. Both write the same bytes."
        ),
        &["layer", "soci", "reference", "of reference"],
    );
    let mut ratios = Vec::new();
    for layer in layers {
        let (mut ours, output) = soci(&layer.path);
        let (mut theirs, their_output) = reference(&program, &layer.path);
        // One run that does not count: afterwards the layer is in the page cache.
        run(&mut ours)?;
        run(&mut theirs)?;
        if std::fs::read(&output)? != std::fs::read(&their_output)? {
            let error = format!("{}: the zTOCs differ", layer.name);
            return Err(io::Error::other(error));
        }
        let cost = cheapest(RUNS, [ours, theirs])?;
        std::fs::remove_file(output)?;
        std::fs::remove_file(their_output)?;
        let [soci, reference] = cost.map(|cpu| cpu.as_secs_f64());
        table.row([
            layer.name.to_owned(),
            format!("{soci:.2} s"),
            format!("{reference:.2} s"),
            format!("{:.2}", soci / reference),
        ]);
        ratios.push(soci / reference);
    }
    table.chart = Some(Chart {
        title: "Processor time for a layer (reference = 1)".to_owned(),
        labels: layers.iter().map(|layer| layer.name.to_owned()).collect(),
        series: vec![
            ("soci".to_owned(), ratios),
            ("reference".to_owned(), vec![1.0; layers.len()]),
        ],
    });
    table.publish("reference")
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
