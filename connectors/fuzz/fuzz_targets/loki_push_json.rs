//! A body that is pushed in JSON, unpacked: reading ends, and holds no more lines than bytes.
#![no_main]

use connectors::loki::push::count_lines;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(lines) = count_lines(body, true) {
        assert!(lines <= body.len() as u64);
    }
});
