//! Who may connect.

use tfplugin_sdk::proto::tfplugin6::get_metadata;
use tfplugin_sdk::proto::tfplugin6::provider_client::ProviderClient;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use crate::plugin::{Identity, Plugin};

/// With TLS 1.3 a client learns that it was refused only when it reads.
async fn gets_in(plugin: &Plugin, who: Option<&Identity>) -> bool {
    let Ok(channel) = plugin.connect_as(who).await else {
        return false;
    };
    let request = get_metadata::Request {};
    ProviderClient::new(channel)
        .get_metadata(request)
        .await
        .is_ok()
}

#[tokio::test]
async fn only_the_host_gets_in() {
    let mut plugin = Plugin::start().await;
    assert!(gets_in(&plugin, Some(&plugin.identity)).await);
    assert!(!gets_in(&plugin, None).await, "an anonymous client");
    plugin.process.stderr.with("a client was refused").await;
    assert!(
        !gets_in(&plugin, Some(&Identity::new())).await,
        "a foreign certificate"
    );
    plugin.process.stderr.with("a client was refused").await;
    assert!(gets_in(&plugin, Some(&plugin.identity)).await);
    plugin.shut_down().await;
}

#[tokio::test]
async fn a_client_without_tls_is_refused() {
    use tokio::io::AsyncWriteExt as _;

    let plugin = Plugin::start().await;
    let mut plain = UnixStream::connect(&plugin.socket)
        .await
        .expect("a connection");
    plain
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    // A TLS alert at most; no HTTP/2 settings.
    assert!(
        answer.len() <= 7 && answer.first().is_none_or(|b| *b == 0x15),
        "{answer:?}"
    );
    plugin.shut_down().await;
}

#[tokio::test]
async fn a_silent_client_holds_up_nobody() {
    let plugin = Plugin::start().await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(
            UnixStream::connect(&plugin.socket)
                .await
                .expect("a connection"),
        );
    }
    assert!(gets_in(&plugin, Some(&plugin.identity)).await);
    plugin.shut_down().await;
}
