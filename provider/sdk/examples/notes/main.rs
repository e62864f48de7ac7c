//! A small provider: notes kept as files.
//!
//! It shows each part of the framework once, and the crate's tests run it under
//! the real Terraform. The argument `fault` makes a create fail on purpose, to
//! test what Terraform does then.
//!
//! ```sh
//! cargo build -p tfplugin-sdk --example notes
//! target/debug/examples/notes -debug
//! ```

mod file;
mod list;
mod lookup;
mod note;
mod provider;
mod shared;
mod title;

use std::process::ExitCode;

use tfplugin_sdk::Serve;

fn main() -> ExitCode {
    Serve::new(provider::Notes).log_target("notes").run()
}
