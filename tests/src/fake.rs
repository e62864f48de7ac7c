//! Servers that stand in for real ones on the loopback interface, and can be made to fail.
//!
//! [`aws`], [`ecr`], [`images`] and [`lambda`] respond on their own; [`proxy`] and [`tunnel`]
//! forward to a server. None of them checks signatures.

pub mod aws;
pub mod ecr;
pub mod images;
pub mod lambda;
mod listener;
pub mod proxy;
mod server;
pub mod tunnel;
mod wire;
