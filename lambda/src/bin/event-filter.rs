//! The event filter.
fn main() {}
