//! `-debug`: a provider that a person started.

use std::process::Command;

use tempfile::TempDir;
use tfplugin_sdk::proto::plugin::Empty;
use tfplugin_sdk::proto::plugin::grpc_controller_client::GrpcControllerClient;

use crate::client::{Provider, config};
use crate::plugin::connect_plain;
use crate::process::{PATIENCE, Process, notes};

/// A provider in debug mode.
pub(crate) struct Debugged {
    pub(crate) process: Process,
    /// The value of `TF_REATTACH_PROVIDERS`.
    pub(crate) reattach: String,
    /// Its socket is in here: the process may get killed.
    _folder: TempDir,
}

pub(crate) async fn start() -> Debugged {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(notes());
    command
        .env_clear()
        .env("TMPDIR", folder.path())
        .arg("-debug");
    let mut process = Process::spawn(&mut command);
    let line = process.stdout.with("TF_REATTACH_PROVIDERS=").await;
    let (_, value) = line.split_once("='").expect("quoted");
    Debugged {
        process,
        reattach: value.strip_suffix('\'').expect("quoted").to_owned(),
        _folder: folder,
    }
}

#[tokio::test]
async fn it_waits_for_terraform_and_ends_with_ctrl_c() {
    let mut debugged = start().await;
    let reattach: serde_json::Value = serde_json::from_str(&debugged.reattach).expect("JSON");
    let here = &reattach["registry.terraform.io/example/notes"];
    assert_eq!(here["Protocol"], "grpc");
    assert_eq!(here["ProtocolVersion"], 6);
    assert_eq!(here["Pid"], debugged.process.child.id());
    assert_eq!(here["Test"], true);
    assert_eq!(here["Addr"]["Network"], "unix");
    let channel = connect_plain(here["Addr"]["String"].as_str().expect("a path")).await;

    // Terraform's goodbye is not the end here.
    let mut controller = GrpcControllerClient::new(channel.clone());
    controller.shutdown(Empty {}).await.expect("an answer");
    let folder = tempfile::tempdir().expect("a folder");
    let mut provider = Provider::configure(channel, folder.path()).await;
    let config = config([("path", "a".into()), ("text", "x".into())]);
    assert_eq!(provider.validate(&config).await, []);

    debugged.process.signal("INT", false);
    assert!(debugged.process.exit(PATIENCE).await.success());
}
