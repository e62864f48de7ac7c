//! Servers that stand in for real ones on the loopback, and can be told to fail.

pub mod aws;
pub mod proxy;
pub mod tunnel;
