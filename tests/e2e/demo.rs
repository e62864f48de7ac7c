//! The demo, with a smaller image.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use tests::demo::{self, Settings};
use tests::interrupt::Interrupt;
use tests::process::Sink;

const SETTINGS: Settings = Settings {
    // Enough for a compressed layer of more than 10 MiB.
    layer_bytes: 64 * 1024 * 1024,
    keep: false,
};

/// Collects the lines that a demo prints.
fn collector() -> (Sink, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&lines);
    let sink: Sink = Arc::new(move |line: &str| {
        shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line.to_owned());
    });
    (sink, lines)
}

/// Checks that the local AWS, whose address a line names, has stopped.
fn expect_stopped(lines: &[String]) -> Result<()> {
    let named = lines.iter().find_map(|line| line.split_once("http://"));
    let (_, address) = named.context("no local AWS")?;
    let address: SocketAddr = address.split(' ').next().unwrap_or_default().parse()?;
    ensure!(
        TcpStream::connect(address).is_err(),
        "{address} still listens"
    );
    Ok(())
}

#[test]
fn runs_to_completion_and_leaves_nothing() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (print, lines) = collector();
    let result = demo::run(runtime.handle(), &SETTINGS, &print, &Interrupt::default());
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    result.with_context(|| lines.join("\n"))?;
    for wanted in [
        "[ 1/18]",
        "[18/18]",
        "the large layer was not read again",
        "| data.soci_index.release: Reading...",
        "1 handed on, 0 failed",
        "image_uri = 127.0.0.1:",
        "shop/web:1.6-soci is ready",
        "| Apply complete!",
        "| Destroy complete!",
        "identical to the original",
    ] {
        assert!(
            lines.iter().any(|line| line.contains(wanted)),
            "no {wanted:?} in {lines:#?}"
        );
    }
    expect_stopped(&lines)
}

#[test]
fn stops_on_interrupt_and_leaves_nothing() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (print, lines) = collector();
    let interrupt = Interrupt::default();
    let raise = interrupt.clone();
    let print: Sink = Arc::new(move |line: &str| {
        print(line);
        if line.contains("terraform apply") {
            raise.raise();
        }
    });
    demo::run(runtime.handle(), &SETTINGS, &print, &interrupt).unwrap_err();
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(
        !lines.iter().any(|line| line.contains("Follow the events")),
        "{lines:#?}"
    );
    expect_stopped(&lines)
}
