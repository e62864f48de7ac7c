//! Shutdown of the process, and the time that its calls get to finish.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Time for calls to finish after a signal, or after the host has died.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The shutdown of the process, shared by all its parts.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    token: CancellationToken,
    patience: Arc<OnceLock<Duration>>,
}

impl Ending {
    /// Starts the shutdown. Calls get `patience` to finish; the first caller's
    /// value wins.
    pub(super) fn begin(&self, patience: Duration) {
        let _ = self.patience.set(patience);
        self.token.cancel();
    }

    /// Completes once the shutdown has started.
    pub(super) fn began(&self) -> WaitForCancellationFutureOwned {
        self.token.clone().cancelled_owned()
    }

    /// Returns how long calls get to finish.
    pub(super) fn patience(&self) -> Duration {
        self.patience.get().copied().unwrap_or(PATIENCE)
    }
}

/// Watches for signals. An interrupt is left to the host, which also receives
/// it and then calls `StopProvider`; in debug mode, it ends the process. A
/// hangup keeps its default effect, including under nohup.
#[cfg(unix)]
pub(super) fn watch(ending: &Ending, debug: bool) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // If the host is already dead, no one connects, which also ends the
    // process.
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
                    tracing::info!("interrupted; waiting for the host's decision");
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

/// Watches for Ctrl-C, which is left to the host except in debug mode.
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
