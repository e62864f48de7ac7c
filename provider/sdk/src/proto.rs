//! The protocol's messages and services, generated from the definitions in
//! the folder `proto`.
//!
//! Made for the framework, and for tests that speak to a provider the way
//! Terraform does.

/// Terraform's own protocol.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod tfplugin6 {
    include!("proto/tfplugin6.rs");
}

/// What go-plugin adds to it.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod plugin {
    include!("proto/plugin.rs");
}

/// The standard health check.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod health {
    include!("proto/grpc.health.v1.rs");
}
