//! The body of `POST /v1/usage-metrics`: what is taken can be kept as JSON.
#![no_main]

use api::wire::usage;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for bouncer in [true, false] {
        let Ok(component) = usage::read(body, bouncer) else { continue };
        let payload = component.payload(bouncer);
        let kept = serde_json::to_vec(&payload).expect("it can be kept");
        let again: serde_json::Value = serde_json::from_slice(&kept).expect("it can be read");
        assert_eq!(again.get("metrics").is_some(), payload.get("metrics").is_some());
    }
});
