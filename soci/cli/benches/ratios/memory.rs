//! Memory at the peak: of large layers, and of layers that take as much as they can.

use std::io;
use std::process::Command;

use tests::cost;
use tests::hostile;
use tests::results::{Chart, Table, Targets};

use crate::inputs::repeated;

/// The memory of a function that has a whole processor, in bytes.
const FUNCTION: u64 = 1769 << 20;
/// Sizes of the tars of layers, in bytes. The last is what such a function has to index.
const PLAIN: [u64; 5] = [
    100_000_000,
    1_000_000_000,
    8_000_000_000,
    40_000_000_000,
    150_000_000_000,
];
/// Memory beside the zTOC, at most so many bytes and a hundredth of the zTOC.
const BESIDE: u64 = 16_000_000;

const MB: f64 = 1e6;

/// Publishes both tables. Returns whether the limits are kept, and the large layers indexed.
pub(crate) fn publish(scale: u64) -> io::Result<bool> {
    let large = large(scale)?;
    let met = hostile()? && large;
    if !met {
        eprintln!("bench: a limit is not kept");
    }
    Ok(met)
}

fn large(scale: u64) -> io::Result<bool> {
    let mut targets = Targets::default();
    let mut table = Table::new(
        "Memory for large layers",
        &format!(
            "Memory at the peak of `soci ztoc build - --memory 1769MiB` for a layer that is made \
             while it is read. Target: at most {} MB and 1 % of the zTOC beside the zTOC, and 1769 MiB \
             in all.",
            BESIDE / 1_000_000
        ),
        &[
            "plain",
            "zTOC",
            "memory at the peak",
            "beside the zTOC",
            "wall",
        ],
    );
    let (mut labels, mut peaks) = (Vec::new(), Vec::new());
    for plain in PLAIN {
        let plain = plain * scale / 100;
        let output = tempfile::NamedTempFile::new()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_soci"));
        command
            .args(["ztoc", "build", "-", "--output"])
            .arg(output.path())
            .args(["--memory", &FUNCTION.to_string()]);
        let (cost, refused) = cost::feed(&mut command, |to| repeated(plain, to).map(drop))?;
        let ztoc = std::fs::metadata(output.path())?.len();
        let beside = cost.memory.saturating_sub(ztoc);
        let kept = refused.is_none() && beside <= BESIDE + ztoc / 100 && cost.memory <= FUNCTION;
        let mark = targets.mark(kept);
        let label = format!("{:.1} GB", plain as f64 / 1e9);
        table.row([
            label.clone(),
            format!("{:.1} MB", ztoc as f64 / MB),
            format!("{:.0} MB{mark}", cost.memory as f64 / MB),
            format!("{:.0} MB", beside as f64 / MB),
            format!("{:.1} s", cost.wall.as_secs_f64()),
        ]);
        labels.push(label);
        peaks.push(cost.memory as f64 / MB);
    }
    table.chart = Some(Chart {
        title: "Memory at the peak for a layer of so much plain (MB)".to_owned(),
        labels,
        series: vec![("soci ztoc build".to_owned(), peaks)],
    });
    table.publish("memory")?;
    Ok(targets.met())
}

fn hostile() -> io::Result<bool> {
    let mut targets = Targets::default();
    let mut table = Table::new(
        "Memory for layers that take as much as they can",
        &format!(
            "Memory at the peak of `soci ztoc build - --memory 1769MiB` ({:.0} MB), and what it says \
             of the layer.",
            FUNCTION as f64 / MB
        ),
        &["layer of", "memory at the peak", "outcome"],
    );
    for hostile in hostile::all() {
        let parts = FUNCTION / hostile.weight;
        let (cost, refused) = hostile.build(env!("CARGO_BIN_EXE_soci"), parts, FUNCTION)?;
        let kept = cost.memory <= FUNCTION;
        let mark = targets.mark(kept);
        let outcome = if refused.is_some() {
            "left out"
        } else {
            "indexed"
        };
        table.row([
            hostile.name.to_owned(),
            format!("{:.0} MB{mark}", cost.memory as f64 / MB),
            outcome.to_owned(),
        ]);
    }
    table.publish("hostile")?;
    Ok(targets.met())
}
