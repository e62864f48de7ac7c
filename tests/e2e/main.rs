//! The provider against the real terraform and a real registry. One binary, so that it links
//! once; every test has a registry and a working directory of its own.

mod arguments;
mod builder;
mod by_hand;
mod demo;
mod diagnostics;
mod docs;
mod drift;
mod ecr;
mod faults;
mod fixtures;
mod functions;
mod import;
mod interrupt;
mod lifecycle;
mod local_aws;
mod lookup;
mod promise;
mod provider_aws;
mod provider_config;
mod scenario;
mod sharing;
mod versions;
