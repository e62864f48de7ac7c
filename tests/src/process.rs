//! Child processes, each in a process group of its own.
//!
//! A terminal sends Ctrl-C to the whole foreground group: terraform and the provider that it
//! started both get it. A group of their own lets a test do the same, keeps a person's Ctrl-C at
//! the demo from tearing its registry away first, and makes sure that nothing is left running.

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

/// Gets each line of output as it comes, without its line end.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// What an ended process left.
#[derive(Debug)]
pub struct Output {
    /// The command, as a person would type it.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Output {
    /// Fails unless the process ended well, and then shows everything it printed.
    pub fn success(self) -> Result<Self> {
        if !self.status.success() {
            bail!("{self}");
        }
        Ok(self)
    }

    /// Standard output and standard error, one after the other.
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

/// A running child; dropping it kills its whole group.
#[derive(Debug)]
pub struct Process {
    command: String,
    child: Child,
    /// Open as long as this lives, for a child that is tied to it.
    input: Option<ChildStdin>,
    group: Pid,
    stdout: Reader,
    stderr: Reader,
}

impl Process {
    /// Starts `command` with no standard input and both outputs captured; `sink` sees the lines
    /// of both as they come.
    pub fn start(command: &mut Command, sink: Option<Sink>) -> Result<Self> {
        Self::start_with(command, Stdio::null(), sink)
    }

    /// Starts `command` with a standard input that says nothing and stays open as long as this
    /// program lives: a child that waits for its end does not outlive even a killed parent.
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

    /// Whether it ended, and how.
    pub fn try_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// What it printed so far, standard output first.
    pub fn output_so_far(&self) -> String {
        format!("{}{}", self.stdout.text(), self.stderr.text())
    }

    /// Ctrl-C, as a terminal sends it: to the process and to everything it started.
    pub fn interrupt(&self) -> Result<()> {
        Ok(kill_process_group(self.group, Signal::INT)?)
    }

    /// `kill -INT` of the process alone.
    pub fn interrupt_leader(&self) -> Result<()> {
        Ok(kill_process(self.group, Signal::INT)?)
    }

    /// The processes of the group, the leader included, whose command line contains `text`.
    pub fn members(&self, text: &str) -> Result<Vec<Pid>> {
        members(self.group, text)
    }

    /// Waits for the end, at most `limit`. An interrupt is passed on as Ctrl-C, a second one
    /// kills.
    pub fn finish(mut self, limit: Duration, interrupt: &Interrupt) -> Result<Output> {
        let mut passed_on = 0;
        let status = wait::until(&self.command.clone(), limit, || {
            if interrupt.count() > passed_on {
                passed_on = interrupt.count();
                if passed_on > 1 {
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
        // Whatever it left behind would keep the pipes open.
        self.kill();
        Ok(Output {
            command: std::mem::take(&mut self.command),
            status,
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
        })
    }

    /// Kills the whole group. A group that is gone already is what is wanted.
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

/// `kill -9` of one process, such as the provider under a running terraform.
pub fn kill_hard(pid: Pid) -> Result<()> {
    Ok(kill_process(pid, Signal::KILL)?)
}

/// Runs `command` to its end, whatever its status.
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
        // A process may end between the listing and the look: then it is no member.
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

/// The process group in a line of /proc/PID/stat: the third field after the name, which stands in
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

/// A thread that empties one pipe.
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
    fn the_group_is_found_behind_any_name() {
        assert_eq!(group_of("7 (a) b) S 1 5 5 0 -1"), Some(5));
        assert_eq!(group_of("7 (a"), None);
    }

    #[test]
    fn a_second_interrupt_kills() {
        // The first is up to the program, and to a parent that may have it ignored.
        let interrupt = Interrupt::default();
        interrupt.raise();
        interrupt.raise();
        let output = run(&mut shell("exec sleep 60"), SOON, &interrupt).unwrap();
        assert!(!output.status.success());
    }

    #[test]
    fn a_drop_kills_the_children_too() {
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
