//! A layer blob: gzip and tar, through the zTOC builder.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bodies::layer(data);
});
