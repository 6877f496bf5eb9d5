//! The query of a URL as filters: what the index answers is what looking at each decision gives, and a
//! deletion never goes further than its query says.
#![no_main]

use std::sync::{Arc, LazyLock};

use api::filter::alert::Page;
use api::filter::{AlertFilter, DecisionFilter, Ending, Net, Query};
use api::index::query::Scan;
use api::index::removals::Keep;
use api::index::{Index, Snapshot, Update, Writer};
use api::record::Record;
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_767_323_045_000_000_000;

fn record(id: u64, (scope, value, kind, origin): (&str, &str, &str, &str)) -> Record {
    Record {
        id,
        hash: id * 7,
        alert: id,
        until: NOW + i64::try_from(id).unwrap_or_default() * 1_000_000_000,
        origin: origin.into(),
        kind: kind.into(),
        scope: scope.into(),
        value: value.into(),
        scenario: if id % 2 == 0 { "me/ssh-bf" } else { "me/Http-slow" }.into(),
        simulated: id % 5 == 0,
    }
}

static RECORDS: LazyLock<Vec<Record>> = LazyLock::new(|| {
    let all = [
        ("Ip", "1.2.3.4", "ban", "cscli"),
        ("Ip", "1.2.3.4", "captcha", "crowdsec"),
        ("Range", "1.2.0.0/16", "ban", "lists"),
        ("Range", "1.2.3.9/28", "ban", "CAPI"),
        ("Ip", "2001:db8::1", "ban", "cscli"),
        ("Range", "2001:db8::/32", "ban", "cscli"),
        ("Ip", "::ffff:5.6.7.8", "ban", "crowdsec"),
        ("Country", "FR", "captcha", "crowdsec"),
        ("AS", "64500", "ban", "cscli"),
        ("user", "1.2.3.4", "ban", "cscli"),
        ("Range", "0.0.0.0/0", "ban", "lists"),
        ("Range", "::/0", "captcha", "lists"),
        ("Ip", "no address", "ban", "cscli"),
    ];
    (1..).zip(all).map(|(id, facts)| record(id, facts)).collect()
});

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let index = Arc::new(Index::default());
    let added = RECORDS.iter().map(|record| (1, record.clone())).collect();
    let update = Update { seq: 1, now: NOW, added, ..Update::default() };
    Writer::new(Arc::clone(&index), Keep::default()).apply(&update);
    index.current()
});

/// Looking at each decision.
fn plainly(filter: &DecisionFilter) -> Vec<u64> {
    let wanted = |record: &&Record| {
        filter.takes_scope(&record.scope)
            && filter.value.as_ref().is_none_or(|value| **value == *record.value)
            && filter.takes_kind(&record.kind)
            && filter.takes_origin(&record.origin)
            && filter.takes_scenario(&record.scenario)
            && filter.takes_net(record.net())
            && (filter.simulated || !record.simulated)
            && filter.id_above.is_none_or(|above| record.id > above)
    };
    let offset = usize::try_from(filter.offset).unwrap_or(0);
    let most = filter.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    RECORDS.iter().filter(wanted).skip(offset).take(most).map(|record| record.id).collect()
}

/// The numbers in an answer.
fn ids(answer: &[u8]) -> Vec<u64> {
    let answer: serde_json::Value = serde_json::from_slice(answer).expect("it is JSON");
    let Some(items) = answer.as_array() else { return Vec::new() };
    items.iter().map(|item| item["id"].as_u64().expect("it has a number")).collect()
}

fuzz_target!(|text: &str| {
    let query = Query::parse(text);
    if let Ok(filter) = DecisionFilter::read(&query) {
        let plainly = plainly(&filter);
        assert_eq!(ids(&SNAPSHOT.answer(&filter, NOW)), plainly, "{filter:?}");
        let pieces = Scan::new(Arc::clone(&SNAPSHOT), filter.clone(), NOW);
        let whole: Vec<u8> = pieces.flatten().collect();
        assert_eq!(ids(&whole), plainly, "in pieces: {filter:?}");
        let _ = DecisionFilter::read_stream(&query).expect("it reads the same parameters");
    }
    if let Ok(ending) = Ending::read(&query) {
        query.whole().expect("nothing was skipped");
        let everything = Ending { around: ending.around, ..Ending::default() };
        if ending == everything {
            assert!(query.each().keys().all(|name| *name == "contains"), "{text}");
        }
        let sent = serde_json::to_string(&ending).expect("it can be sent");
        assert_eq!(serde_json::from_str::<Ending>(&sent).expect("it can be read"), ending);
    }
    let _ = Page::read(&query);
    if let Ok(filter) = AlertFilter::read(&query, NOW) {
        let sent = serde_json::to_string(&filter).expect("it can be sent");
        assert_eq!(serde_json::from_str::<AlertFilter>(&sent).expect("it can be read"), filter);
    }
    if let Ok(net) = Net::parse(text) {
        assert_eq!(Net::parse(&net.to_string()).as_ref(), Ok(&net));
        assert!(net.contains(net) && net.end() >= net.start);
    }
});
