//! The command line program, run as a user runs it.

mod completion;
mod convert;
mod deploy;
mod image;
mod memory;
mod registry;
mod reuse;
mod streams;
mod support;
mod usage;
mod vectors;
mod ztoc;
