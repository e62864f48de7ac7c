//! Hostile input: whatever comes in, nothing panics, and no more memory is taken than is
//! written down here.
//!
//! What is done with each input is what the fuzz targets do (`fuzz/src`).

mod bombs;
mod ceiling;
mod corpus;
mod mutate;
mod vectors;

#[path = "../../fuzz/src/lib.rs"]
#[allow(
    unreachable_pub,
    reason = "there it is the root of a crate, here a module"
)]
mod bodies;
