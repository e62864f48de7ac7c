//! Image manifests and SOCI indexes: inspected, verified, converted twice.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bodies::image(data);
});
