//! The provider against the real terraform and a real registry. One binary, so that it links
//! once; every test has a registry and a working directory of its own.

mod arguments;
mod by_hand;
mod demo;
mod diagnostics;
mod drift;
mod ecr;
mod faults;
mod fixtures;
mod import;
mod interrupt;
mod lifecycle;
mod lookup;
mod promise;
mod scenario;
mod sharing;
