//! The cheapest of several runs.

use std::io;
use std::process::Command;
use std::time::Duration;

use tests::cost::run;

/// The cheapest of several runs of each command. They take turns, so that a machine that is
/// slow for a while is slow for all of them.
pub(crate) fn cheapest<const N: usize>(
    runs: usize,
    mut commands: [Command; N],
) -> io::Result<[Duration; N]> {
    let mut cheapest = [Duration::MAX; N];
    for _ in 0..runs {
        for (command, cheapest) in commands.iter_mut().zip(&mut cheapest) {
            *cheapest = run(command)?.cpu.min(*cheapest);
        }
    }
    Ok(cheapest)
}
