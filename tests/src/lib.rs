//! What the end-to-end tests and the demo stand on: a real registry, real images made of files
//! of this machine, skopeo to push them, the real terraform with the provider that was built
//! here, a local AWS that runs the functions, and a proxy that injects faults between the provider
//! and a registry or AWS.
//!
//! Everything is blocking and small on purpose: each piece is a child process or a socket with a
//! deadline, and each cleans up after itself when it is dropped.

pub mod aws;
pub mod binaries;
pub mod demo;
pub mod docs;
pub mod fake;
pub mod http;
pub mod image;
pub mod interrupt;
pub mod process;
pub mod registry;
pub mod skopeo;
pub mod terraform;
pub mod wait;
