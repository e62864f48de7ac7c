//! The example provider as a program, and values of its resource.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tfplugin_sdk::testing::{Client, Error, Plugin, Process};
use tfplugin_sdk::{Diagnostics, Value};

/// Upper bound for every wait, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Type of the resource and of the data source.
pub(crate) const NOTE: &str = "notes_note";

/// Returns the program of the example.
///
/// `cargo test` builds it by itself, unless it is told to build certain tests
/// only; then an old one, or none, may be there.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
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

/// Starts the example as a plugin.
pub(crate) async fn start() -> Result<Plugin, Error> {
    Plugin::start(program()).await
}

/// Starts the example as a plugin and configures it: notes are in the plugin's
/// directory.
pub(crate) async fn configured() -> Result<(Plugin, Client), Error> {
    let plugin = start().await?;
    let provider = plugin.connect().await?.provider().await?;
    configure(&provider, plugin.directory()).await?;
    Ok((plugin, provider))
}

/// Configures the example: notes are in `folder`.
pub(crate) async fn configure(provider: &Client, folder: &Path) -> Result<(), Error> {
    let folder = folder.to_str().expect("UTF-8");
    let config = Value::object([("folder", folder.into())]);
    let answer = provider.configure(&config).await?;
    assert!(answer.diagnostics.is_empty(), "{answer:?}");
    Ok(())
}

/// Returns a valid configuration of a note.
pub(crate) fn valid() -> Value {
    Value::object([("path", "a".into()), ("text", "x".into())])
}

/// Returns paths and summaries.
pub(crate) fn found(diagnostics: &Diagnostics) -> Vec<(String, String)> {
    let found = diagnostics.iter();
    found
        .map(|d| (d.path.to_string(), d.summary.clone()))
        .collect()
}

/// Sends a signal to a process, or to its group.
pub(crate) fn signal(process: &Process, name: &str, group: bool) {
    let sign = if group { "-" } else { "" };
    let target = format!("{sign}{}", process.child.id());
    let kill = Command::new("kill")
        .args(["-s", name, "--", &target])
        .status();
    assert!(kill.expect("kill runs").success());
}
