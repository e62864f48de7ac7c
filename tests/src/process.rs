//! Child processes, each in its own process group.
//!
//! A terminal sends Ctrl-C to the whole foreground group, so terraform and the provider it started
//! both get it. A separate group lets a test do the same, keeps Ctrl-C during the demo from
//! stopping its registry first, and ensures that nothing is left running.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::interrupt::Interrupt;
use crate::wait;

/// Receives each line of output as it arrives, without the line ending.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Status and output of a finished process.
#[derive(Debug)]
pub struct Output {
    /// The command line, as one would type it.
    pub command: String,
    /// The exit status.
    pub status: ExitStatus,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Output {
    /// Fails with the whole output unless the process succeeded.
    pub fn success(self) -> Result<Self> {
        if !self.status.success() {
            bail!("{self}");
        }
        Ok(self)
    }

    /// Standard output followed by standard error.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            command,
            status,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{command}: {status}\n{}\n{}",
            stdout.trim_end(),
            stderr.trim_end()
        )
    }
}

/// A running child process. Dropping it kills its whole group.
#[derive(Debug)]
pub struct Process {
    command: String,
    child: Child,
    /// Kept open for a child that exits when it closes.
    input: Option<ChildStdin>,
    group: Pid,
    stdout: Reader,
    stderr: Reader,
}

impl Process {
    /// Starts `command` without standard input and with both outputs captured. `sink` receives the
    /// lines of both.
    pub fn start(command: &mut Command, sink: Option<Sink>) -> Result<Self> {
        Self::start_with(command, Stdio::null(), sink)
    }

    /// Starts `command` with a standard input that stays open, and silent, for the lifetime of this
    /// program. A child that exits when its input ends does not outlive even a killed parent.
    pub fn start_tied(command: &mut Command) -> Result<Self> {
        Self::start_with(command, Stdio::piped(), None)
    }

    fn start_with(command: &mut Command, input: Stdio, sink: Option<Sink>) -> Result<Self> {
        let line = command_line(command);
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("{line}: cannot start"))?;
        let group = Pid::from_child(&child);
        let stdout = child.stdout.take().context("stdout is piped")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        Ok(Self {
            command: line,
            input: child.stdin.take(),
            child,
            group,
            stdout: Reader::start(stdout, sink.clone()),
            stderr: Reader::start(stderr, sink),
        })
    }

    /// Returns the exit status if the process has ended.
    pub fn try_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Returns the output so far, standard output first.
    pub fn output_so_far(&self) -> String {
        format!("{}{}", self.stdout.text(), self.stderr.text())
    }

    /// Sends Ctrl-C as a terminal does: to the process and everything it started.
    pub fn interrupt(&self) -> Result<()> {
        Ok(kill_process_group(self.group, Signal::INT)?)
    }

    /// Sends SIGINT only to the process itself.
    pub fn interrupt_leader(&self) -> Result<()> {
        Ok(kill_process(self.group, Signal::INT)?)
    }

    /// Returns the processes of the group, including the leader, whose command line contains
    /// `text`.
    pub fn members(&self, text: &str) -> Result<Vec<Pid>> {
        members(self.group, text)
    }

    /// Waits for the process to end, for at most `limit`. Forwards the first interrupt as Ctrl-C;
    /// the second one kills it.
    pub fn finish(mut self, limit: Duration, interrupt: &Interrupt) -> Result<Output> {
        let mut forwarded = 0;
        let status = wait::until(&self.command.clone(), limit, || {
            if interrupt.count() > forwarded {
                forwarded = interrupt.count();
                if forwarded > 1 {
                    self.kill();
                } else {
                    self.interrupt()?;
                }
            }
            self.try_status()
        });
        let status = match status {
            Ok(status) => status,
            Err(error) => return Err(error.context(self.output_so_far())),
        };
        // A surviving child would keep the pipes open.
        self.kill();
        Ok(Output {
            command: std::mem::take(&mut self.command),
            status,
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
        })
    }

    /// Kills the whole group, if it still exists.
    fn kill(&self) {
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        self.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGKILL to one process, such as the provider of a running terraform.
pub fn kill_hard(pid: Pid) -> Result<()> {
    Ok(kill_process(pid, Signal::KILL)?)
}

/// Returns the peak resident memory of a process in bytes.
pub fn peak_memory(pid: Pid) -> Result<u64> {
    memory(pid, "VmHWM")
}

/// Returns the resident size of a process's program and other files in bytes.
pub fn file_memory(pid: Pid) -> Result<u64> {
    memory(pid, "RssFile")
}

fn memory(pid: Pid, name: &str) -> Result<u64> {
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    let value = lines.find_map(|(key, value)| (key == name).then_some(value));
    let kibibytes = value.and_then(|value| value.trim().strip_suffix("kB"));
    let kibibytes = kibibytes.with_context(|| format!("{path}: no {name}"))?;
    Ok(kibibytes.trim().parse::<u64>()? << 10)
}

/// Runs `command` to completion, whatever its status.
pub fn run(command: &mut Command, limit: Duration, interrupt: &Interrupt) -> Result<Output> {
    Process::start(command, None)?.finish(limit, interrupt)
}

fn members(group: Pid, text: &str) -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").context("/proc: cannot list")? {
        let name = entry?.file_name();
        let Some(pid) = name
            .to_str()
            .and_then(|name| name.parse().ok())
            .and_then(Pid::from_raw)
        else {
            continue;
        };
        // A process that has ended in the meantime is not a member.
        let directory = std::path::Path::new("/proc").join(name);
        let Ok(stat) = std::fs::read_to_string(directory.join("stat")) else {
            continue;
        };
        let Ok(command) = std::fs::read(directory.join("cmdline")) else {
            continue;
        };
        let same_group = group_of(&stat) == Some(group.as_raw_nonzero().get());
        if same_group && String::from_utf8_lossy(&command).contains(text) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Parses the process group from `/proc/PID/stat`: the third field after the name, which is in
/// parentheses and may contain anything.
fn group_of(stat: &str) -> Option<i32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(2)?.parse().ok()
}

fn command_line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// A thread that drains a pipe.
#[derive(Debug)]
struct Reader {
    text: Arc<Mutex<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn start(pipe: impl Read + Send + 'static, sink: Option<Sink>) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe
                .read_until(b'\n', &mut line)
                .is_ok_and(|count| count > 0)
            {
                let new = String::from_utf8_lossy(&line);
                if let Some(sink) = &sink {
                    sink(new.trim_end());
                }
                if let Ok(mut text) = shared.lock() {
                    text.push_str(&new);
                }
                line.clear();
            }
        });
        Self {
            text,
            thread: Some(thread),
        }
    }

    fn text(&self) -> String {
        self.text
            .lock()
            .map(|text| text.clone())
            .unwrap_or_default()
    }

    fn finish(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::SOON;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_status_are_kept() {
        let output = run(
            &mut shell("echo out; echo err >&2; exit 3"),
            SOON,
            &Interrupt::default(),
        )
        .unwrap();
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert_eq!(output.status.code(), Some(3));
        let error = output.success().unwrap_err().to_string();
        assert!(error.contains("out") && error.contains("err"), "{error}");
    }

    #[test]
    fn the_process_name_may_contain_parentheses() {
        assert_eq!(group_of("7 (a) b) S 1 5 5 0 -1"), Some(5));
        assert_eq!(group_of("7 (a"), None);
    }

    #[test]
    fn a_second_interrupt_kills() {
        // The program, or a parent of it, may ignore the first one.
        let interrupt = Interrupt::default();
        interrupt.raise();
        interrupt.raise();
        let output = run(&mut shell("exec sleep 60"), SOON, &interrupt).unwrap();
        assert!(!output.status.success());
    }

    #[test]
    fn dropping_a_process_kills_its_children() {
        let process = Process::start(&mut shell("sleep 61 & wait"), None).unwrap();
        let group = process.group;
        let children = || members(group, "sleep\x0061");
        wait::until("the child", SOON, || {
            Ok((!children()?.is_empty()).then_some(()))
        })
        .unwrap();
        drop(process);
        wait::until("its end", SOON, || Ok(children()?.is_empty().then_some(()))).unwrap();
    }
}
