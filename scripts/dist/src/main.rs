//! Packs what a release consists of; `scripts/dist.sh` builds it first.
//!
//! ```text
//! dist package OUTPUT PLATFORM TRIPLE PROGRAMS PAGES NOTICES   the archives of one platform
//! dist functions OUTPUT BUNDLE                                 the Lambda functions
//! dist sums OUTPUT                                             the manifest, and the checksums of all
//! ```
//!
//! The same programs give the same bytes, if `SOURCE_DATE_EPOCH` is the same.

mod archive;
mod arguments;
mod dependencies;
mod epoch;
mod licences;
mod package;
mod platform;
mod sbom;
mod sums;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments::run(&arguments) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("dist: {error:#}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("{}", arguments::USAGE);
            ExitCode::from(2)
        }
    }
}
