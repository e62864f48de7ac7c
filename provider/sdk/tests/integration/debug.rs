//! `-debug`: a provider that a person started.

use std::process::Command;

use tempfile::TempDir;
use tfplugin_sdk::testing::{Connection, Error, Process};

use crate::notes::{NOTE, PATIENCE, configure, found, program, signal, valid};

/// A provider in debug mode.
pub(crate) struct Debugged {
    pub(crate) process: Process,
    /// Value of `TF_REATTACH_PROVIDERS`.
    pub(crate) reattach: String,
    /// Holds the socket, as the process may get killed.
    _folder: TempDir,
}

pub(crate) async fn start() -> Result<Debugged, Error> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(program());
    command
        .env_clear()
        .env("TMPDIR", folder.path())
        .arg("-debug");
    let mut process = Process::spawn(&mut command)?;
    let line = process.stdout.find("TF_REATTACH_PROVIDERS=").await?;
    let (_, value) = line.split_once("='").expect("quoted");
    Ok(Debugged {
        process,
        reattach: value.strip_suffix('\'').expect("quoted").to_owned(),
        _folder: folder,
    })
}

#[tokio::test]
async fn it_waits_for_terraform_and_ends_with_ctrl_c() -> Result<(), Error> {
    let mut debugged = start().await?;
    let reattach: serde_json::Value = serde_json::from_str(&debugged.reattach).expect("JSON");
    let here = &reattach["registry.terraform.io/example/notes"];
    assert_eq!(here["Protocol"], "grpc");
    assert_eq!(here["ProtocolVersion"], 6);
    assert_eq!(here["Pid"], debugged.process.child.id());
    assert_eq!(here["Test"], true);
    assert_eq!(here["Addr"]["Network"], "unix");
    let socket = here["Addr"]["String"].as_str().expect("a path");
    let connection = Connection::plain("unix", socket).await?;

    // Terraform's goodbye is not the end here.
    connection.request_shutdown().await?;
    let folder = tempfile::tempdir()?;
    let provider = connection.provider().await?;
    configure(&provider, folder.path()).await?;
    assert_eq!(
        found(&provider.validate_resource(NOTE, &valid()).await?),
        []
    );

    signal(&debugged.process, "INT", false);
    assert!(debugged.process.exit(PATIENCE).await?.success());
    Ok(())
}
