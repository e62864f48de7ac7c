//! The harness of the end-to-end tests and the demo: a real registry, real images built from files
//! of this machine, skopeo to push them, the real terraform with the provider built from this
//! workspace, a local AWS that runs the functions, and [fakes](fake) that inject faults.
//!
//! Everything here is blocking and small: each piece is a child process or a socket with a time
//! limit, and cleans up when it is dropped.

pub mod aws;
pub mod binaries;
pub mod certificate;
pub mod cost;
pub mod demo;
pub mod docs;
pub mod fake;
pub mod gzip;
pub mod hostile;
pub mod http;
pub mod image;
pub mod interrupt;
pub mod permissions;
pub mod points;
pub mod process;
pub mod registry;
pub mod results;
pub mod skopeo;
pub mod terraform;
pub mod toolchain;
pub mod upload;
pub mod wait;
pub mod workspace;
