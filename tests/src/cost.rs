//! Costs of a process.

use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wait4::{ResUse, Wait4 as _};

/// Costs of a process that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Time from its start to its end.
    pub wall: Duration,
    /// Processor time, the kernel's part included.
    pub cpu: Duration,
    /// Memory at the peak, in bytes.
    pub memory: u64,
}

impl Cost {
    fn new(started: Instant, used: &ResUse) -> Self {
        Self {
            wall: started.elapsed(),
            cpu: used.rusage.utime + used.rusage.stime,
            memory: used.rusage.maxrss,
        }
    }
}

/// Waits for a child; returns whether it succeeded, and what it took since `started`.
///
/// # Errors
/// When waiting fails.
pub fn wait(child: Child, started: Instant) -> io::Result<(bool, Cost)> {
    let used = child.wait4()?;
    Ok((used.status.success(), Cost::new(started, &used)))
}

/// Runs a command to its end, its output dropped.
///
/// # Errors
/// When it cannot be run, or fails.
pub fn run(command: &mut Command) -> io::Result<Cost> {
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    match wait(child, started)? {
        (true, cost) => Ok(cost),
        (false, _) => Err(io::Error::other(format!("{command:?}: it failed"))),
    }
}
