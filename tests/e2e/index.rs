//! `soci_index`, resource and data source, against a real registry.

mod amazon_ecr;
mod arguments;
mod data_source;
mod diagnostics;
mod drift;
mod faults;
mod import;
mod interrupt;
mod layers;
mod leaving;
mod lifecycle;
mod list;
mod memory;
mod permissions;
mod plan;
mod referrers;
mod releases;
mod sharing;
