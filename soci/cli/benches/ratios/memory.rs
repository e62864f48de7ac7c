//! Memory at the peak, of layers that take as much as they can.

use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

use tests::cost;
use tests::hostile;

use crate::inputs::repeated;

/// The memory of a function that has a whole processor, in bytes.
const FUNCTION: u64 = 1769 << 20;
/// Size of the tar of a layer that such a function indexes, in bytes.
const LARGE: u64 = 150_000_000_000;

const MB: f64 = 1e6;

/// Prints the table. Returns whether the limit is kept, and the large layer indexed.
pub(crate) fn print(scale: u64) -> io::Result<bool> {
    let mut met = true;
    println!("\nmemory at the peak with --memory 1769MiB ({FUNCTION} bytes)");
    let soci = env!("CARGO_BIN_EXE_soci");
    for hostile in hostile::all() {
        let parts = FUNCTION / hostile.weight;
        let (cost, refused) = hostile.build(soci, parts, FUNCTION)?;
        met &= cost.memory <= FUNCTION;
        println!(
            "{:<20} {:>6.0} MB, {}",
            hostile.name,
            cost.memory as f64 / MB,
            refused.as_deref().unwrap_or("indexed").trim_end(),
        );
    }
    let plain = LARGE * scale / 100;
    let started = Instant::now();
    let mut child = Command::new(soci)
        .args(["ztoc", "build", "-", "--output", "/dev/null"])
        .args(["--memory", &FUNCTION.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    // The pipe is closed at the end, which ends the layer.
    let fed = repeated(plain, child.stdin.take().ok_or(io::ErrorKind::NotFound)?).map(drop);
    let (built, cost) = cost::wait(child, started)?;
    fed?;
    met &= built && cost.memory <= FUNCTION;
    println!(
        "{:<20} {:>6.0} MB, {} in {:.0} s",
        format!("{:.0} GB plain", plain as f64 / 1e9),
        cost.memory as f64 / MB,
        if built { "indexed" } else { "left out" },
        cost.wall.as_secs_f64(),
    );
    Ok(met)
}
