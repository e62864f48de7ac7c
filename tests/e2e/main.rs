//! The provider against the real terraform and a real registry. One binary, so that it links
//! once; every test has a registry and a working directory of its own.
//!
//! The directories mirror the product: [`index`] tests `soci_index`, [`builder`] tests
//! `soci_index_builder`, [`provider`] everything that belongs to neither. The same kind of case has
//! the same name in each.

mod builder;
mod demo;
mod harness;
mod index;
mod provider;
mod scenario;
