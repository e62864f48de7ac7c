//! When to end, and how patiently.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::PATIENCE;

/// The end of the process, known to all parts of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    token: CancellationToken,
    patience: Arc<OnceLock<Duration>>,
}

impl Ending {
    /// Begins the end; what runs gets so much time. The first reason counts.
    pub(super) fn begin(&self, patience: Duration) {
        let _ = self.patience.set(patience);
        self.token.cancel();
    }

    /// Completes when the end has begun.
    pub(super) fn began(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience.get().copied().unwrap_or(PATIENCE)
    }
}

/// Watches the signals. An interrupt is left to the host, which gets it too
/// and then calls `StopProvider`; in debug mode it is for us. A hangup keeps
/// what it does by default, or under nohup.
#[cfg(unix)]
pub(super) fn watch(ending: &Ending, debug: bool) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // A host that is dead already will not connect, which ends us as well.
    let parent = std::os::unix::process::parent_id();
    let ending = ending.clone();
    tokio::spawn(async move {
        let mut often = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = interrupt.recv() => {
                    if debug {
                        return ending.begin(PATIENCE);
                    }
                    tracing::info!("interrupted; waiting for the host to say what to do");
                }
                _ = terminate.recv() => return ending.begin(PATIENCE),
                // A host that was killed cannot call Shutdown.
                _ = often.tick() => {
                    if !debug && std::os::unix::process::parent_id() != parent {
                        tracing::warn!("the host has died");
                        return ending.begin(PATIENCE);
                    }
                }
            }
        }
    });
    Ok(())
}

/// Watches for Ctrl-C: left to the host, except in debug mode.
#[cfg(not(unix))]
pub(super) fn watch(ending: &Ending, debug: bool) -> io::Result<()> {
    let ending = ending.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if debug {
                return ending.begin(PATIENCE);
            }
        }
    });
    Ok(())
}
