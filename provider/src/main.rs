//! The Terraform provider `soci`: builds SOCI indexes for container images.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the resources that need all of it come next")
)]
mod aws;
mod credentials;
mod diagnose;
mod functions;
mod index;
mod provider;

use std::process::ExitCode;

use tfplugin_sdk::Serve;

fn main() -> ExitCode {
    Serve::new(provider::SociProvider).log_target("soci").run()
}
