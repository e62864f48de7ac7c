//! The Terraform provider `soci`: builds SOCI indexes for container images.

#[expect(dead_code, reason = "the resources that need it come next")]
mod aws;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the resource that needs it comes next")
)]
mod bundle;
mod diagnose;
mod index;
mod provider;

use std::process::ExitCode;

use tfplugin_sdk::Serve;

fn main() -> ExitCode {
    Serve::new(provider::SociProvider).log_target("soci").run()
}
