//! The crate from outside: the example provider `notes` as a process, called by
//! a host that does what Terraform does, and by the real Terraform.

#![cfg(unix)]

mod calls;
mod debug;
mod faults;
mod handshake;
mod notes;
mod stored;
mod terraform;
mod tls;
mod workspace;
