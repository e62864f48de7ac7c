//! The Terraform provider `soci`: builds SOCI indexes for container images.

mod aws;
mod builder;
mod bundle;
mod call;
mod credentials;
mod diagnose;
mod functions;
mod index;
mod index_options;
mod memory;
mod planned_builders;
mod planned_tags;
mod provider;
mod shared;
mod unique_name;

use std::process::ExitCode;

use tfplugin_sdk::Serve;

/// The allocator of static programs: that of musl has one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Serve::new(provider::SociProvider).log_target("soci").run()
}
