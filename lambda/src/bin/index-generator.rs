//! The AWS Lambda function that indexes a pushed image.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::index_generator::run()
}
