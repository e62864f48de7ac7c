//! A request to stop, shared between the signal handler and the code that it stops.

use std::sync::Arc;

use anyhow::{Result, bail};
use tokio::sync::watch;

/// Number of requests to stop. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<watch::Sender<u32>>);

impl Interrupt {
    /// Requests a stop; may be called repeatedly.
    pub fn raise(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Number of requests so far.
    pub fn count(&self) -> u32 {
        *self.0.borrow()
    }

    /// Fails if a stop was requested.
    pub fn check(&self) -> Result<()> {
        if self.count() > 0 {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Awaits `work`, but fails if a stop is requested first.
    pub async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut count = self.0.subscribe();
        tokio::select! {
            result = work => result,
            _ = count.wait_for(|count| *count > 0) => bail!("interrupted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_ends_when_a_stop_is_requested() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.or(async { Ok(1) }).await.unwrap(), 1);
        let other = interrupt.clone();
        let (endless, ()) = tokio::join!(
            interrupt.or(std::future::pending::<Result<()>>()),
            async move { other.raise() }
        );
        assert_eq!(endless.unwrap_err().to_string(), "interrupted");
        assert!(interrupt.check().is_err());
    }
}
