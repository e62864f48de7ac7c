//! The example provider as a process.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

/// Longer than anything here takes, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The example, built.
///
/// `cargo test` builds it by itself, unless it is told to build certain tests
/// only; then an old one, or none, may be there.
pub(crate) fn notes() -> &'static Path {
    static NOTES: OnceLock<PathBuf> = OnceLock::new();
    NOTES.get_or_init(|| {
        let test = std::env::current_exe().expect("the test's own path");
        let profile = test
            .ancestors()
            .nth(2)
            .expect("target/<profile>/deps/<test>");
        let example = profile.join("examples/notes");
        if modified(&example).is_none_or(|built| built < newest_source()) {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args([
                "build",
                "--quiet",
                "--package",
                "tfplugin-sdk",
                "--example",
                "notes",
            ]);
            if profile.ends_with("release") {
                cargo.arg("--release");
            }
            cargo.env("CARGO_TARGET_DIR", profile.parent().expect("target"));
            assert!(
                cargo.status().expect("cargo runs").success(),
                "the example builds"
            );
        }
        example
    })
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|m| m.modified()).ok()
}

fn newest_source() -> SystemTime {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("examples")];
    let mut newest = SystemTime::UNIX_EPOCH;
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a source folder").flatten() {
            match entry.file_type() {
                Ok(t) if t.is_dir() => folders.push(entry.path()),
                _ => newest = newest.max(modified(&entry.path()).unwrap_or(newest)),
            }
        }
    }
    newest
}

/// A process whose output lines can be awaited; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_with_stdin(command.stdin(Stdio::null()))
    }

    /// The same with the standard input that the command has.
    pub(crate) fn spawn_with_stdin(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = Lines::of(child.stdout.take().expect("piped"));
        let stderr = Lines::of(child.stderr.take().expect("piped"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Sends a signal to the process, or to its group.
    pub(crate) fn signal(&self, name: &str, group: bool) {
        let sign = if group { "-" } else { "" };
        let target = format!("{sign}{}", self.child.id());
        let kill = Command::new("kill")
            .args(["-s", name, "--", &target])
            .status();
        assert!(kill.expect("kill runs").success());
    }

    /// Waits for the end; fails when it takes longer than `limit`.
    pub(crate) async fn exit(&mut self, limit: Duration) -> ExitStatus {
        // The pipes close when the process ends: that can be awaited.
        let ended = async { while self.stdout.next().await.is_some() {} };
        tokio::time::timeout(limit, ended)
            .await
            .expect("the process ends in time");
        self.child.wait().expect("its status")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of a pipe, as they come.
pub(crate) struct Lines {
    lines: mpsc::UnboundedReceiver<String>,
    pub(crate) seen: Vec<String>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            lines,
            seen: Vec::new(),
        }
    }

    /// The next line; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let next = tokio::time::timeout(PATIENCE, self.lines.recv());
        let line = next.await.expect("a line, or the end, in time")?;
        self.seen.push(line.clone());
        Some(line)
    }

    /// The first line with this text.
    pub(crate) async fn with(&mut self, text: &str) -> String {
        while let Some(line) = self.next().await {
            if line.contains(text) {
                return line;
            }
        }
        panic!("no line with {text:?} among:\n{}", self.seen.join("\n"));
    }

    /// All lines to the end.
    pub(crate) async fn rest(&mut self) -> &[String] {
        while self.next().await.is_some() {}
        &self.seen
    }
}
