//! Processes whose output lines can be awaited.

use std::io::{self, BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;

use super::error::Error;

/// Time limit for a line of output, and for a call. Longer than either takes on
/// a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A running process. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    /// The process itself.
    pub child: Child,
    /// Its standard output.
    pub stdout: Lines,
    /// Its standard error.
    pub stderr: Lines,
}

impl Process {
    /// Starts a command, with pipes for its output.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        Ok(Self {
            stdout: Lines::of(child.stdout.take()),
            stderr: Lines::of(child.stderr.take()),
            child,
        })
    }

    /// Waits for the process to exit.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if it takes longer than `limit`.
    pub async fn exit(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        // The pipe closes when the process ends, and can be awaited.
        let ended = async {
            while self.stdout.next().await?.is_some() {}
            Ok::<_, Error>(())
        };
        match tokio::time::timeout(limit, ended).await {
            Ok(ended) => ended?,
            Err(_) => {
                let what = "end of the process".to_owned();
                return Err(Error::Timeout { what, limit });
            }
        }
        Ok(self.child.wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of a pipe, as they arrive.
#[derive(Debug)]
pub struct Lines {
    lines: mpsc::UnboundedReceiver<String>,
    seen: Vec<String>,
}

impl Lines {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        if let Some(pipe) = pipe {
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        Self {
            lines,
            seen: Vec::new(),
        }
    }

    /// Returns the next line, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if neither arrives within a minute.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        let next = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
        let line = next.map_err(|_| Error::Timeout {
            what: "line of output".to_owned(),
            limit: PATIENCE,
        })?;
        self.seen.extend(line.clone());
        Ok(line)
    }

    /// Returns the next line that contains `text`.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`], or [`Error::Exit`] with all lines if the output ends
    /// first.
    pub async fn find(&mut self, text: &str) -> Result<String, Error> {
        while let Some(line) = self.next().await? {
            if line.contains(text) {
                return Ok(line);
            }
        }
        let seen = self.seen.join("\n");
        Err(Error::Exit(format!("no line with {text:?} among:\n{seen}")))
    }

    /// Reads to the end and returns all lines from the start.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if the output does not end.
    pub async fn rest(&mut self) -> Result<&[String], Error> {
        while self.next().await?.is_some() {}
        Ok(&self.seen)
    }

    /// Returns the lines read so far.
    #[must_use]
    pub fn seen(&self) -> &[String] {
        &self.seen
    }
}
