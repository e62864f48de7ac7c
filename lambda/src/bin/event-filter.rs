//! The AWS Lambda function that decides which pushes are indexed.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda::event_filter::run()
}
