//! The AWS Lambda function that indexes an image that was pushed.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::index_generator::run()
}
