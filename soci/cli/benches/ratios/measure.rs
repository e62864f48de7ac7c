//! Costs of a process.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use wait4::Wait4;

/// Costs of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Processor time, the kernel's part included.
    pub cpu: Duration,
    /// Memory at the peak, in bytes.
    pub memory: u64,
}

/// Runs a command to its end, its output dropped.
pub(crate) fn run(command: &mut Command) -> io::Result<Cost> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let used = child.wait4()?;
    if !used.status.success() {
        return Err(io::Error::other(format!("{command:?}: {}", used.status)));
    }
    Ok(Cost {
        cpu: used.rusage.utime + used.rusage.stime,
        memory: used.rusage.maxrss,
    })
}

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
