//! The journal's export format, damaged: entries must not depend on how it is cut into reads.
#![no_main]

use connectors::journalctl::export::{Entry, Reader};
use libfuzzer_sys::fuzz_target;

fn entries(stream: &[u8], part: usize) -> (Vec<Entry>, bool) {
    let (mut reader, mut held, mut found) = (Reader::new(32), Vec::new(), Vec::new());
    for bytes in stream.chunks(part) {
        held.extend_from_slice(bytes);
        let mut input = &held[..];
        loop {
            match reader.next(&mut input) {
                Ok(Some(entry)) => found.push(entry),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
        held = input.to_vec();
    }
    (found, false)
}

fuzz_target!(|data: &[u8]| {
    let Some((part, stream)) = data.split_first() else { return };
    let whole = entries(stream, stream.len().max(1));
    assert_eq!(entries(stream, usize::from(*part).max(1)), whole);
    assert_eq!(entries(stream, 1), whole);
});
