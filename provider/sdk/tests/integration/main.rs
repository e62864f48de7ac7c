//! The crate from outside: the example provider `notes` as a process, spoken to
//! by a client that does what Terraform does, and by the real Terraform.

#![cfg(unix)]

mod client;
mod debug;
mod handshake;
mod lifecycle;
mod plugin;
mod process;
mod terraform;
mod tls;
