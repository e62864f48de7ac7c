//! The consumer of SOCI indexes: containerd with the SOCI snapshotter, in one process.
//!
//! It runs in a mount namespace of its own, so that all its mounts go with it, however it ends.
//! Its trees are read through `/proc/PID/root`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::registry::{PASSWORD, USER};
use tests::wait;

use crate::machine;
use crate::mounts;
use crate::store::Store;

/// The longest that a pull may take.
const PULL: Duration = Duration::from_secs(240);

/// Lines of the log that do not complain of an index.
const UNRELATED: [&str; 3] = [
    // The filesystem under the content store.
    "failed check for fsverity support",
    // V2: the annotation that names the index carries no size.
    "size of descriptor is 0, trying to resolve it...",
    // Unpacking: only the privileged attributes of a tar.
    "ignored xattr trusted.",
];

/// How an image gets onto the consumer's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Snapshotter {
    /// containerd's own, which unpacks every layer.
    Overlayfs,
    /// The one that mounts layers by their zTOCs.
    Soci,
}

/// A mounted image.
#[derive(Debug)]
pub(crate) struct Mounted {
    /// Its root, as this process sees it.
    pub(crate) root: PathBuf,
    /// Digest of each layer, the lowest first, and whether it is mounted rather than unpacked.
    pub(crate) layers: Vec<(String, bool)>,
}

/// A running consumer; dropping it ends it, its mounts and its files.
#[derive(Debug)]
pub(crate) struct Consumer {
    process: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<String>,
    // After the process, so that nothing writes there any more when it is removed.
    directory: TempDir,
}

impl Consumer {
    /// Starts one that reads what it is asked for, and nothing else.
    pub(crate) fn start() -> Result<Self> {
        Self::start_with(&[], None)
    }

    /// Starts one that loads the spans of prefetch artifacts when it mounts a layer.
    pub(crate) fn start_prefetching() -> Result<Self> {
        Self::start_with(&["-prefetch"], None)
    }

    /// Starts one that knows the login of a registry, and trusts its certificate authority.
    pub(crate) fn start_for(store: &impl Store) -> Result<Self> {
        let (user, password) = (format!("-user={USER}"), format!("-password={PASSWORD}"));
        let mut arguments = Vec::new();
        if store.asks() {
            arguments.extend([user.as_str(), password.as_str()]);
        }
        if store.authority().is_some() {
            arguments.push("-tls");
        }
        Self::start_with(&arguments, store.authority())
    }

    fn start_with(arguments: &[&str], authority: Option<&Path>) -> Result<Self> {
        machine::expect_mounts()?;
        let program = machine::program("consumer")?;
        let directory = tempfile::Builder::new()
            .prefix("soci-consumer-")
            .tempdir()?;
        let root = directory.path().join("root");
        fs::create_dir(&root)?;
        let log = File::create(directory.path().join("log"))?;
        let mut process = Command::new(machine::tool("unshare", "util-linux")?)
            .args(["--mount", "--propagation", "private"])
            .arg(program)
            .arg("-root")
            .arg(&root)
            .args(arguments)
            // No login of this machine is wanted.
            .env("DOCKER_CONFIG", &root)
            .env("NO_PROXY", "127.0.0.1")
            .envs(authority.map(|authority| ("SSL_CERT_FILE", authority)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("the consumer does not start")?;
        let requests = process.stdin.take();
        let lines = BufReader::new(process.stdout.take().context("stdout is piped")?).lines();
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut consumer = Self {
            process,
            requests,
            answers,
            directory,
        };
        let greeting = consumer.answer(wait::SOON)?;
        ensure!(greeting["ready"] == true, "consumer: {greeting}");
        Ok(consumer)
    }

    /// Pulls an image for `platform` and mounts it.
    pub(crate) fn pull(
        &mut self,
        reference: &str,
        platform: &str,
        snapshotter: Snapshotter,
    ) -> Result<Mounted> {
        let name = match snapshotter {
            Snapshotter::Overlayfs => "overlayfs",
            Snapshotter::Soci => "soci",
        };
        let request = json!({"reference": reference, "platform": platform, "snapshotter": name});
        let requests = self.requests.as_mut().context("stdin is piped")?;
        writeln!(requests, "{request}").context("the consumer takes no request")?;
        let answer = self.answer(PULL)?;
        let tree = &answer["tree"];
        ensure!(tree.is_object(), "{reference}: {answer}\n{}", self.log()?);
        let layers = tree["layers"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Mounted {
            root: self.seen_from_here(Path::new(&text(&tree["directory"]))),
            layers: layers
                .map(|layer| (text(&layer["digest"]), layer["mounted"] == true))
                .collect(),
        })
    }

    /// Where the snapshotter has mounted layers.
    pub(crate) fn fuse_mounts(&self) -> Result<Vec<PathBuf>> {
        let mut mounts = mounts::of_process(self.process.id(), "fuse", "soci")?;
        // An image of one layer is that mount once more.
        let trees = self.directory.path().join("root/trees");
        mounts.retain(|path| !path.starts_with(&trees));
        Ok(mounts)
    }

    /// Everything that both services logged.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.directory.path().join("log"))?)
    }

    /// The warnings and errors about images that both services logged.
    pub(crate) fn warnings(&self) -> Result<Vec<String>> {
        let log = self.log()?;
        let lines = log.lines().filter(|line| !line.contains(" level=info "));
        let lines = lines.filter(|line| !UNRELATED.iter().any(|text| line.contains(text)));
        Ok(lines.map(str::to_owned).collect())
    }

    /// Ends it as a service is ended, and fails unless it unmounted everything without an error.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.requests.take());
        let status = wait::until("the end of the consumer", wait::SOON, || {
            Ok(self.process.try_wait()?)
        })?;
        ensure!(status.success(), "consumer: {status}\n{}", self.log()?);
        Ok(())
    }

    fn seen_from_here(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.process.id()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn answer(&mut self, limit: Duration) -> Result<Value> {
        match self.answers.recv_timeout(limit) {
            Ok(line) => serde_json::from_str(&line).with_context(|| format!("consumer: {line}")),
            Err(RecvTimeoutError::Timeout) => {
                bail!("consumer: no answer within {limit:?}\n{}", self.log()?)
            }
            Err(RecvTimeoutError::Disconnected) => bail!("consumer: it ended\n{}", self.log()?),
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
