//! Costs of a process.

use std::io::{self, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use wait4::{ResUse, Wait4 as _};

/// Costs of a process that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Time from its start to its end.
    pub wall: Duration,
    /// Processor time, including the kernel's part.
    pub cpu: Duration,
    /// Peak memory in bytes.
    pub memory: u64,
    /// Number of bytes that the kernel wrote to disk for it, including those of its children.
    pub written: u64,
}

impl Cost {
    fn new(started: Instant, used: &ResUse, written: u64) -> Self {
        Self {
            wall: started.elapsed(),
            cpu: used.rusage.utime + used.rusage.stime,
            memory: used.rusage.maxrss,
            written,
        }
    }
}

/// Waits for a child. Returns whether it succeeded, and its costs since `started`.
///
/// # Errors
/// If waiting fails.
pub fn wait(child: Child, started: Instant) -> io::Result<(bool, Cost)> {
    let before = written()?;
    let used = child.wait4()?;
    let written = written()?.saturating_sub(before);
    Ok((used.status.success(), Cost::new(started, &used, written)))
}

/// Runs a command to completion, discarding its output.
///
/// # Errors
/// If it cannot be run, or fails.
pub fn run(command: &mut Command) -> io::Result<Cost> {
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    match wait(child, started)? {
        (true, cost) => Ok(cost),
        (false, _) => Err(io::Error::other(format!("{command:?}: it failed"))),
    }
}

/// Runs a command to completion with the input written by `write`, discarding its output. Returns
/// its costs, and its error message if it failed.
///
/// # Errors
/// If it cannot be run or written to. It is not an error if the command stops reading early.
pub fn feed(
    command: &mut Command,
    write: impl FnOnce(ChildStdin) -> io::Result<()>,
) -> io::Result<(Cost, Option<String>)> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let fed = write(child.stdin.take().ok_or(io::ErrorKind::NotFound)?);
    let mut errors = String::new();
    let stderr = child.stderr.take().ok_or(io::ErrorKind::NotFound)?;
    stderr.take(64 << 10).read_to_string(&mut errors)?;
    let (succeeded, cost) = wait(child, started)?;
    match fed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok((cost, (!succeeded).then_some(errors))),
    }
}

/// Returns the number of bytes that the kernel wrote to disk for this process and the children that
/// it has waited for. Only counted on Linux.
fn written() -> io::Result<u64> {
    if !cfg!(target_os = "linux") {
        return Ok(0);
    }
    let counts = std::fs::read_to_string("/proc/self/io")?;
    let count = counts
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:"));
    let count = count.and_then(|count| count.trim().parse().ok());
    count.ok_or_else(|| io::Error::other("/proc/self/io: no write_bytes"))
}
