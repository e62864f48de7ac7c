//! Dispatch of Terraform's calls to a provider.
//!
//! There is one file per family of RPCs: [`provider`], [`resource`] with [`upgrade`] and
//! [`import`], [`identity`], [`data_source`], [`list`], [`action`] and [`function`]. They share one
//! pipeline, [`call`]: find the type, decode the values, run provider code, encode the result.
//! [`service`] dispatches the generated trait to them.
//!
//! Provider code runs in one task per call. A panic ends the task but not the process, and a client
//! that disconnects cancels the call's token but does not abort its work. `StopProvider` cancels
//! the tokens of the calls in flight; later calls get new ones.

mod action;
mod call;
mod catalog;
mod codec;
mod data_source;
mod events;
mod function;
mod identity;
mod import;
mod list;
mod provider;
mod resource;
pub(crate) mod service;
mod task;
mod upgrade;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::provider::Provider;

use catalog::Catalog;

/// A provider while it is being served.
pub(crate) struct Server<P: Provider> {
    catalog: Catalog<P>,
    data: RwLock<Option<Arc<P::Data>>>,
    /// Parent of the tokens of all calls since the last stop.
    calls: Mutex<CancellationToken>,
    tasks: TaskTracker,
}

impl<P: Provider> Server<P> {
    pub(crate) fn new(provider: P) -> Arc<Self> {
        Arc::new(Self {
            catalog: Catalog::of(provider),
            data: RwLock::new(None),
            calls: Mutex::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// Asks all calls in flight to return soon.
    pub(crate) fn stop_calls(&self) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *calls).cancel();
    }

    /// Waits for work whose caller has disconnected. No call may follow.
    pub(crate) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Returns the data of the configured provider.
    fn data(&self) -> Result<Arc<P::Data>, Diagnostics> {
        let data = self.data.read().unwrap_or_else(PoisonError::into_inner);
        data.clone().ok_or_else(|| {
            Diagnostic::error(
                "Provider not configured",
                "Terraform called the provider before it configured it.",
            )
            .into()
        })
    }
}

#[cfg(test)]
mod tests;
