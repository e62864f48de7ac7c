//! Connections that TLS admits and refuses.

use tfplugin_sdk::testing::{Error, HostCertificate, Plugin};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::notes::start;

/// Returns whether a call succeeds. With TLS 1.3 a client learns only when it
/// reads that it was refused.
async fn gets_in(plugin: &Plugin, host: Option<&HostCertificate>) -> bool {
    match plugin.connect_as(host).await {
        Ok(connection) => connection.provider().await.is_ok(),
        Err(_) => false,
    }
}

/// The same with the right certificate.
async fn host_gets_in(plugin: &Plugin) -> Result<(), Error> {
    plugin.connect().await?.provider().await.map(|_| ())
}

#[tokio::test]
async fn only_the_host_gets_in() -> Result<(), Error> {
    let mut plugin = start().await?;
    host_gets_in(&plugin).await?;
    assert!(!gets_in(&plugin, None).await, "an anonymous client");
    plugin.process.stderr.find("a client was refused").await?;
    let foreign = HostCertificate::generate()?;
    assert!(
        !gets_in(&plugin, Some(&foreign)).await,
        "a foreign certificate"
    );
    plugin.process.stderr.find("a client was refused").await?;
    host_gets_in(&plugin).await?;
    plugin.shut_down().await
}

#[tokio::test]
async fn a_client_without_tls_is_refused() -> Result<(), Error> {
    let plugin = start().await?;
    let mut plain = UnixStream::connect(plugin.address()).await?;
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    // A TLS alert at most; no HTTP/2 settings.
    assert!(
        answer.len() <= 7 && answer.first().is_none_or(|b| *b == 0x15),
        "{answer:?}"
    );
    plugin.shut_down().await
}

#[tokio::test]
async fn silent_clients_block_nobody() -> Result<(), Error> {
    let plugin = start().await?;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(UnixStream::connect(plugin.address()).await?);
    }
    host_gets_in(&plugin).await?;
    plugin.shut_down().await
}
