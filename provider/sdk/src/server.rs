//! Answers Terraform's calls with a provider.
//!
//! Each call of provider code runs in a task of its own: a panic ends the task
//! and not the process, and a client that goes away cancels the call's token
//! but does not cut its work off in the middle. `StopProvider` cancels the
//! tokens of the calls in flight; calls that come later get fresh ones.

pub(crate) mod call;
mod catalog;
mod resource;
pub(crate) mod rpc;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::schema::Schema;
use crate::types::Type;
use crate::value::Value;

use catalog::Catalog;

/// A provider while it is being served.
pub(crate) struct Server<P: Provider> {
    provider: P,
    catalog: Catalog<P::Data>,
    data: RwLock<Option<Arc<P::Data>>>,
    /// Parent of the tokens of all calls since the last stop.
    calls: Mutex<CancellationToken>,
    tasks: TaskTracker,
}

impl<P: Provider> Server<P> {
    pub(crate) fn new(provider: P) -> Arc<Self> {
        let catalog = Catalog::of(&provider);
        Arc::new(Self {
            provider,
            catalog,
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

    /// Waits for work whose caller has gone. No call may come after this.
    pub(crate) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn data(&self) -> Result<Arc<P::Data>, Diagnostics> {
        let data = self.data.read().unwrap_or_else(PoisonError::into_inner);
        data.clone().ok_or_else(|| {
            Diagnostic::error(
                "Provider not configured",
                "Terraform asked for work before it configured the provider.",
            )
            .into()
        })
    }
}

/// Reads a value; nothing at all means null.
fn decode(value: Option<&proto::DynamicValue>, ty: &Type) -> Result<Value, Diagnostics> {
    let value = match value {
        Some(value) if !value.msgpack.is_empty() => Value::from_msgpack(&value.msgpack, ty),
        Some(value) if !value.json.is_empty() => Value::from_json(&value.json, ty),
        _ => Ok(Value::Null),
    };
    Ok(value?)
}

/// Writes a value in the form of a schema.
fn encode(schema: &Schema, value: Value) -> Result<proto::DynamicValue, Diagnostic> {
    let bytes = schema
        .fit(value)
        .and_then(|value| value.to_msgpack(&schema.ty()));
    match bytes {
        Ok(msgpack) => Ok(proto::DynamicValue {
            msgpack,
            json: Vec::new(),
        }),
        Err(e) => {
            let detail = format!("A value does not fit its schema: {}.", e.message());
            Err(Diagnostic::bug(detail).at(e.path().clone()))
        }
    }
}

/// Diagnostics for the wire, their paths such that Terraform can follow them.
fn to_proto(found: Diagnostics, ty: &Type) -> Vec<proto::Diagnostic> {
    let found = found.into_iter().map(|mut diagnostic| {
        diagnostic.path = ty.address(&diagnostic.path);
        diagnostic
    });
    Diagnostics::from_iter(found).to_proto()
}

#[cfg(test)]
mod tests;
