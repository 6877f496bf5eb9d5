//! A stream of syslog messages as a peer may send it: what is found must not depend on how the stream
//! is cut into reads, and little may be held back.
#![no_main]

use connectors::syslog::framing::{Frame, Framer};
use libfuzzer_sys::fuzz_target;

const MAX: usize = 32;

fn frames(stream: &[u8], part: usize) -> Vec<(bool, Vec<u8>)> {
    let (mut framer, mut held, mut found) = (Framer::new(MAX), Vec::new(), Vec::new());
    let mut take = |frame: Frame<'_>| match frame {
        Frame::Message(message) => {
            assert!(message.len() <= MAX);
            found.push((true, message.to_vec()));
        }
        Frame::TooLong { beginning, .. } => found.push((false, beginning.to_vec())),
        Frame::Broken(bytes) => found.push((false, bytes.to_vec())),
    };
    for bytes in stream.chunks(part) {
        held.extend_from_slice(bytes);
        let mut input = &held[..];
        while let Some(frame) = framer.next(&mut input) {
            take(frame);
        }
        assert!(input.len() <= MAX + 11);
        held = input.to_vec();
    }
    if let Some(frame) = framer.rest(&held) {
        take(frame);
    }
    found
}

fuzz_target!(|data: &[u8]| {
    let Some((part, stream)) = data.split_first() else { return };
    let whole = frames(stream, stream.len().max(1));
    assert_eq!(frames(stream, usize::from(*part).max(1)), whole);
    assert_eq!(frames(stream, 1), whole);
});
