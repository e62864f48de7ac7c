//! Start and end of the process.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use tfplugin_sdk::proto::health::HealthCheckRequest;
use tfplugin_sdk::proto::health::health_check_response::ServingStatus;
use tfplugin_sdk::proto::health::health_client::HealthClient;
use tfplugin_sdk::proto::plugin::grpc_broker_client::GrpcBrokerClient;
use tfplugin_sdk::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use tonic::Code;

use crate::client::{Provider, config};
use crate::plugin::{COOKIE, Plugin};
use crate::process::{PATIENCE, Process, notes};

#[tokio::test]
async fn a_person_gets_a_hint() {
    let mut process = Process::spawn(Command::new(notes()).env_clear());
    let status = process.exit(PATIENCE).await;
    assert_eq!(status.code(), Some(1));
    assert!(process.stdout.seen.is_empty());
    process.stderr.with("Terraform starts it by itself").await;
}

#[tokio::test]
async fn an_old_host_is_refused() {
    let mut command = Command::new(notes());
    command
        .env_clear()
        .env(COOKIE.0, COOKIE.1)
        .env("PLUGIN_PROTOCOL_VERSIONS", "4,5");
    let mut process = Process::spawn(&mut command);
    assert_eq!(process.exit(PATIENCE).await.code(), Some(1));
    assert!(process.stdout.seen.is_empty());
    process.stderr.with("this one speaks 4,5").await;
}

#[tokio::test]
async fn one_line_and_a_private_socket() {
    let plugin = Plugin::start().await;
    assert!(plugin.line.starts_with("1|6|unix|/"), "{}", plugin.line);
    assert!(plugin.line.split('|').nth(4) == Some("grpc"));
    assert!(plugin.socket.starts_with(plugin.folder.path()));
    let folder = plugin.socket.parent().expect("a folder");
    let mode = folder
        .metadata()
        .expect("its permissions")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    plugin.shut_down().await;
}

#[tokio::test]
async fn go_plugin_finds_its_services() {
    let plugin = Plugin::start().await;
    let channel = plugin.channel().await;

    let mut health = HealthClient::new(channel.clone());
    let ask = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = health.check(ask("plugin")).await.expect("an answer");
    assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
    let unknown = health
        .check(ask("nothing"))
        .await
        .expect_err("no such service");
    assert_eq!(unknown.code(), Code::NotFound);
    let mut watch = health
        .watch(ask("plugin"))
        .await
        .expect("a stream")
        .into_inner();
    let first = watch.message().await.expect("no error").expect("a message");
    assert_eq!(first.status(), ServingStatus::Serving);

    // Both stay open until the end, and do not hold it up.
    let mut stdio = GrpcStdioClient::new(channel.clone());
    let mut output = stdio.stream_stdio(()).await.expect("a stream").into_inner();
    let mut broker = GrpcBrokerClient::new(channel);
    let host = futures_util::stream::pending();
    let mut offers = broker
        .start_stream(host)
        .await
        .expect("a stream")
        .into_inner();
    let open = tokio::spawn(async move { (output.message().await, offers.message().await) });
    assert!(!open.is_finished());
    plugin.shut_down().await;
    let (output, offers) = open.await.expect("no panic");
    assert!(!matches!(output, Ok(Some(_))) && !matches!(offers, Ok(Some(_))));
}

#[tokio::test]
async fn an_interrupt_is_the_hosts_business() {
    let mut plugin = Plugin::start().await;
    plugin.process.signal("INT", false);
    plugin.process.stderr.with("interrupted").await;
    let mut provider = Provider::of(&plugin).await;
    let config = config([("path", "a".into()), ("text", "x".into())]);
    assert_eq!(provider.validate(&config).await, []);
    plugin.shut_down().await;
}

#[tokio::test]
async fn a_termination_ends_it_cleanly() {
    let mut plugin = Plugin::start().await;
    let _idle = plugin.channel().await;
    plugin.process.signal("TERM", false);
    assert!(plugin.process.exit(PATIENCE).await.success());
    assert!(!plugin.socket.exists());
}

#[tokio::test]
async fn a_provider_whose_host_died_ends_too() {
    // A shell as the host: it starts the provider in the background and exits.
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    command
        .env(COOKIE.0, COOKIE.1)
        .env("PLUGIN_UNIX_SOCKET_DIR", folder.path())
        .env_remove("PLUGIN_CLIENT_CERT")
        // Long enough for the provider to have looked who its parent is.
        .args(["-c", r#""$0" & read line; exit 0"#])
        .arg(notes())
        .stdin(std::process::Stdio::piped());
    let mut shell = Process::spawn_with_stdin(&mut command);
    shell.stdout.next().await.expect("the handshake");
    shell.child.stdin = None;
    // Standard output stays open until the provider ends.
    shell.exit(Duration::from_secs(20)).await;
}
