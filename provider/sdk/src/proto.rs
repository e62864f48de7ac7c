//! The protocol's messages and services, generated from the definitions in
//! the folder `proto`. The clients are for the feature `testing`.

/// Terraform's own protocol.
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated"
)]
pub(crate) mod tfplugin6 {
    include!("proto/tfplugin6.rs");
}

/// Protocol of go-plugin.
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated"
)]
pub(crate) mod plugin {
    include!("proto/plugin.rs");
}

/// Standard health check of gRPC.
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated"
)]
pub(crate) mod health {
    include!("proto/grpc.health.v1.rs");
}
