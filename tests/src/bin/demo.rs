//! `make demo`: demonstrates the provider on one machine. See `tests::demo`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use tests::demo::{self, Settings};
use tests::interrupt::Interrupt;
use tests::process::Sink;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Minimum size of the image's large layer before compression.
const LAYER_BYTES: u64 = 128 * 1024 * 1024;

/// Environment variable that keeps everything running if it is 1.
const KEEP: &str = "KEEP";

fn main() -> ExitCode {
    let interrupt = Interrupt::default();
    match run(&interrupt) {
        Ok(()) => ExitCode::SUCCESS,
        // The shell expects 128 + SIGINT.
        Err(_) if interrupt.count() > 0 => {
            eprintln!("\nInterrupted; stopped and cleaned up.");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("\nThe demo failed and cleaned up: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(interrupt: &Interrupt) -> Result<()> {
    let runtime = Runtime::new()?;
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let _guard = runtime.enter();
        let mut signal = signal(kind)?;
        let interrupt = interrupt.clone();
        runtime.spawn(async move {
            while signal.recv().await.is_some() {
                interrupt.raise();
            }
        });
    }
    let print: Sink = Arc::new(|line| println!("{line}"));
    let settings = Settings {
        layer_bytes: LAYER_BYTES,
        keep: std::env::var_os(KEEP).is_some_and(|value| value == "1"),
    };
    demo::run(runtime.handle(), &settings, &print, interrupt)
}
