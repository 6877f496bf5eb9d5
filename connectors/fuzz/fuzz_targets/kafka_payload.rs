//! Documents as anybody may put them into a topic: each has lines or a reason why not.
#![no_main]

use std::sync::LazyLock;

use connectors::kafka::{Decoder, PRESETS, Payload};
use libfuzzer_sys::fuzz_target;

static DECODERS: LazyLock<Vec<Decoder>> = LazyLock::new(|| {
    let payloads = PRESETS.iter().filter_map(|preset| Payload::preset(preset));
    payloads.filter_map(|payload| Decoder::new(&payload)).collect()
});

fuzz_target!(|document: &str| {
    for decoder in &*DECODERS {
        let mut lines = 0;
        let decoded = decoder.decode(document, &mut |told| {
            lines += 1;
            assert!(!told.text.is_empty());
            assert!(!told.text.ends_with('\n'));
        });
        assert_eq!(decoded.is_ok(), lines > 0);
    }
});
