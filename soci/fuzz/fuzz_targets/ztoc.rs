//! A zTOC, read back and written again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bodies::ztoc(data);
});
