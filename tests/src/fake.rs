//! Servers that stand in for real ones on the loopback, and can be told to fail.
//!
//! [`aws`], [`ecr`], [`images`] and [`lambda`] answer by themselves; [`proxy`] and [`tunnel`] stand in front of
//! a server. None of them checks a signature.

pub mod aws;
pub mod ecr;
pub mod images;
pub mod lambda;
mod listener;
pub mod proxy;
mod server;
pub mod tunnel;
mod wire;
