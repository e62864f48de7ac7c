//! Errors of the test client.

use std::io;
use std::time::Duration;

use crate::diagnostic::Diagnostics;
use crate::types::TypeError;
use crate::value::ValueError;

/// Reason why a provider could not be started or called.
///
/// Diagnostics of the provider are not errors of this kind, but part of its
/// answer; see [`Answer::ok`](super::Answer::ok).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file, socket or process failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The program ended without a handshake, or printed something else.
    #[error("handshake: got {0:?}, want 1|6|network|address|grpc|certificate")]
    Handshake(String),
    /// A certificate cannot be created or used.
    #[error("certificate: {0}")]
    Certificate(String),
    /// There is no connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The call failed below the protocol, for example because the provider
    /// does not implement it.
    #[error("{rpc}: {status}")]
    Rpc {
        /// Name of the call.
        rpc: &'static str,
        /// gRPC status, with its message.
        status: String,
    },
    /// The provider has no resource, data source or function with that name.
    #[error("the provider has no {kind} {name}")]
    NotFound {
        /// Kind of the item.
        kind: &'static str,
        /// Name of the item.
        name: String,
    },
    /// A value does not fit the provider's schema.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// A schema has a type that cannot be read.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// An answer lacks a part that every provider must send.
    #[error("{0}: missing in the answer")]
    Missing(&'static str),
    /// Something did not happen in time.
    #[error("{what}: not within {limit:?}")]
    Timeout {
        /// The awaited event.
        what: String,
        /// The time limit.
        limit: Duration,
    },
    /// The provider reported errors where none were expected.
    #[error("{}", summary(.0))]
    Diagnostics(Diagnostics),
    /// The provider exited in an unexpected way.
    #[error("exit: {0}")]
    Exit(String),
}

fn summary(found: &Diagnostics) -> String {
    let lines = found.iter().map(|d| {
        let (path, summary, detail) = (&d.path, &d.summary, &d.detail);
        if path.is_root() {
            format!("{summary}: {detail}")
        } else {
            format!("{path}: {summary}: {detail}")
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
