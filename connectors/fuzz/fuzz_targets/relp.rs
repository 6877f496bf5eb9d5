//! A RELP stream as a peer may send it: frames must not depend on how it is cut into reads.
#![no_main]

use connectors::syslog::relp::Reader;
use libfuzzer_sys::fuzz_target;

const MAX: usize = 32;

fn frames(stream: &[u8], part: usize) -> Vec<String> {
    let (mut reader, mut held, mut found) = (Reader::new(MAX), Vec::new(), Vec::new());
    for bytes in stream.chunks(part) {
        held.extend_from_slice(bytes);
        let mut input = &held[..];
        loop {
            match reader.next(&mut input) {
                Ok(Some(frame)) => found.push(format!("{frame:?}")),
                Ok(None) => break,
                Err(broken) => {
                    found.push(format!("{broken:?}"));
                    return found;
                }
            }
        }
        assert!(input.len() <= MAX + 64);
        held = input.to_vec();
    }
    found
}

fuzz_target!(|data: &[u8]| {
    let Some((part, stream)) = data.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    assert_eq!(frames(stream, usize::from(*part).max(1)), whole);
    assert_eq!(frames(stream, 1), whole);
});
