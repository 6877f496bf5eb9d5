//! The body of `POST /v1/alerts`: what is taken can be shown, as JSON, and reads the same again.
#![no_main]

use api::archive::KeptAlert;
use api::filter::Net;
use api::record::Record;
use api::wire::{alert, posted};
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_767_323_045_000_000_000;

fuzz_target!(|body: &[u8]| {
    let Ok(all) = posted::read(body, NOW, "name") else { return };
    assert_eq!(posted::read(body, NOW, "name").as_ref(), Ok(&all));
    for (id, posted) in (1..).zip(all) {
        let decisions = posted.alert.decisions.iter().map(|decision| {
            let about_addresses = matches!(&*decision.scope, "Ip" | "Range");
            assert!(!about_addresses || Net::parse(&decision.value).is_ok());
            Record {
                id,
                hash: decision.id,
                alert: id,
                until: decision.until.0,
                origin: decision.origin.clone(),
                kind: decision.kind.clone(),
                scope: decision.scope.clone(),
                value: decision.value.clone(),
                scenario: decision.scenario.clone(),
                simulated: decision.simulated,
            }
        });
        let kept = KeptAlert {
            id,
            created: NOW,
            machine: "machine".into(),
            kind: posted.kind.clone(),
            decisions: decisions.collect(),
            alert: posted.alert,
        };
        let mut shown = Vec::new();
        alert::write(&mut shown, &kept, "machine", true, NOW);
        let shown: serde_json::Value = serde_json::from_slice(&shown).expect("it is JSON");
        assert_eq!(shown["scenario"].as_str(), Some(&*kept.alert.scenario));
        let count = shown["decisions"].as_array().map_or(0, Vec::len);
        assert_eq!(count, kept.decisions.len());
    }
});
