//! A panic as Terraform looks for it: a line on standard error that begins
//! with `panic: `, and what follows it.

use std::backtrace::Backtrace;
use std::io::Write as _;

use crate::server::call::panic_text;

pub(super) fn report_to_terraform() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic_text(panic.payload());
        let location = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let trace = Backtrace::capture();
        let report = format!("panic: {text}\n\nat {location} in thread {thread}\n{trace}\n");
        let _ = std::io::stderr().lock().write_all(report.as_bytes());
    }));
}
