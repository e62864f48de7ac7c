//! Panics in the format that Terraform looks for: a line on standard error that
//! begins with `panic: `, followed by the rest of the report.

use std::backtrace::Backtrace;
use std::io::Write as _;

use crate::panic;

/// Installs the hook that reports panics to Terraform.
pub(super) fn report_to_terraform() {
    std::panic::set_hook(Box::new(|info| {
        let text = panic::message(info.payload());
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let trace = Backtrace::capture();
        let report = format!("panic: {text}\n\nat {location} in thread {thread}\n{trace}\n");
        let _ = std::io::stderr().lock().write_all(report.as_bytes());
    }));
}
