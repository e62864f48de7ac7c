//! Start and end of the process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tfplugin_sdk::testing::{COOKIE, Error, Process};

use crate::notes::{NOTE, PATIENCE, configured, found, program, signal, start, valid};

#[tokio::test]
async fn a_person_gets_a_hint() -> Result<(), Error> {
    let mut process = Process::spawn(Command::new(program()).env_clear())?;
    let status = process.exit(PATIENCE).await?;
    assert_eq!(status.code(), Some(1));
    assert!(process.stdout.seen().is_empty());
    process.stderr.find("Terraform starts it by itself").await?;
    Ok(())
}

#[tokio::test]
async fn an_old_host_is_refused() -> Result<(), Error> {
    let mut command = Command::new(program());
    command
        .env_clear()
        .env(COOKIE.0, COOKIE.1)
        .env("PLUGIN_PROTOCOL_VERSIONS", "4,5");
    let mut process = Process::spawn(&mut command)?;
    assert_eq!(process.exit(PATIENCE).await?.code(), Some(1));
    assert!(process.stdout.seen().is_empty());
    process.stderr.find("this one supports 4,5").await?;
    Ok(())
}

#[tokio::test]
async fn one_line_and_a_private_socket() -> Result<(), Error> {
    let plugin = start().await?;
    let line = plugin.handshake();
    assert!(line.starts_with("1|6|unix|/"), "{line}");
    assert!(line.split('|').nth(4) == Some("grpc"));
    let socket = Path::new(plugin.address());
    assert!(socket.starts_with(plugin.directory()));
    let folder = socket.parent().expect("a folder");
    let mode = folder.metadata()?.permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    plugin.shut_down().await
}

#[tokio::test]
async fn health_is_reported_over_tls() -> Result<(), Error> {
    let plugin = start().await?;
    let connection = plugin.connect().await?;
    assert!(connection.is_serving("plugin").await?);
    let unknown = connection.is_serving("nothing").await;
    let unknown = unknown.expect_err("no such service").to_string();
    assert!(unknown.contains("no such service"), "{unknown}");
    plugin.shut_down().await
}

#[tokio::test]
async fn an_interrupt_is_left_to_the_host() -> Result<(), Error> {
    let (mut plugin, provider) = configured().await?;
    signal(&plugin.process, "INT", false);
    plugin.process.stderr.find("interrupted").await?;
    assert_eq!(
        found(&provider.validate_resource(NOTE, &valid()).await?),
        []
    );
    plugin.shut_down().await
}

#[tokio::test]
async fn a_termination_ends_it_cleanly() -> Result<(), Error> {
    let mut plugin = start().await?;
    let _idle = plugin.connect().await?;
    signal(&plugin.process, "TERM", false);
    assert!(plugin.process.exit(PATIENCE).await?.success());
    assert!(!Path::new(plugin.address()).exists());
    Ok(())
}

#[tokio::test]
async fn a_provider_whose_host_died_ends_too() -> Result<(), Error> {
    // A shell as the host: it starts the provider in the background and exits.
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("sh");
    command
        .env(COOKIE.0, COOKIE.1)
        .env("PLUGIN_UNIX_SOCKET_DIR", folder.path())
        .env_remove("PLUGIN_CLIENT_CERT")
        // Alive until the provider has recorded who its parent is.
        .args(["-c", r#""$0" & read line; exit 0"#])
        .arg(program())
        .stdin(Stdio::piped());
    let mut shell = Process::spawn(&mut command)?;
    shell.stdout.next().await?.expect("the handshake");
    shell.child.stdin = None;
    // Standard output stays open until the provider ends.
    shell.exit(Duration::from_secs(20)).await?;
    Ok(())
}
