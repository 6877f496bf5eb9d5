//! Events survive being kept: what is kept comes back as it was, in few bytes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use operators::alert::Coordinate;
use operators::bucket::{Codec, Kept, Reads};
use operators::event::{Event, Line};
use operators::place::Partition;
use operators::schema::{Schema, Space};
use operators::text::{Text, intern};
use operators::time::layout::parse_rfc3339;
use operators::time::{EventTime, Stamp};
use operators::value::Value;
use proptest::prelude::*;

const NAMES: [&str; 6] = ["source_ip", "timestamp", "service", "path", "user", "note"];

fn codec() -> Codec {
    let mut schema = Schema::default();
    for name in NAMES {
        schema.add(Space::Meta, name).unwrap();
    }
    let kept = schema.add(Space::Parsed, "kept").unwrap();
    schema.add(Space::Parsed, "dropped").unwrap();
    schema.add(Space::Enriched, "IsoCode").unwrap();
    let reads = Reads { fields: vec![kept], documents: true, ..Reads::default() };
    let names = Box::new(|partition: Partition| {
        (partition.0 < 2).then(|| Arc::from(format!("/var/log/{}", partition.0)))
    });
    Codec::new(Arc::new(schema), reads, ["ssh", "nginx"], names)
}

fn event(codec: &Codec, source: &str) -> Event {
    let time = Stamp::utc_at(EventTime(0));
    let labels = Arc::default();
    let line = Line {
        raw: "raw".into(),
        source: source.into(),
        labels,
        module: Text::Static("file"),
        time,
        zone: None,
    };
    Event::new(Arc::clone(codec.schema()), line)
}

fn shown(event: &Event) -> String {
    let time = event.time.map(|time| (time.at, time.offset, time.utc));
    format!(
        "{:?} {:?} {:?} {:?} {time:?} {} {:?} {:?}",
        event.kind,
        event.named(Space::Meta),
        event.named(Space::Parsed),
        event.named(Space::Enriched),
        event.text(&event.marshaled_time),
        (&event.line.source, event.text(&event.line.module)),
        event.unmarshaled,
    )
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Int64),
        (-1e9..1e9_f64).prop_map(Value::Float),
        "[a-zé]{0,5}".prop_map(|text| Value::str(&text)),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let entries = prop::collection::btree_map("[a-z]{1,3}", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::list),
            entries.prop_map(|all| {
                Value::map(all.into_iter().map(|(key, value)| (key.into(), value)).collect())
            }),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~é]{0,20}",
        Just("ssh".to_owned()),
        Just("/var/log/0".to_owned()),
        Just("2026-01-01T00:00:00Z".to_owned()),
        "([0-9]{1,3}\\.){3}[0-9]{1,3}",
    ]
}

proptest! {
    #[test]
    fn what_is_kept_comes_back(
        texts in prop::collection::vec((0..NAMES.len(), text()), 0..8),
        time in prop_oneof![
            Just(String::new()),
            Just("2026-01-01T00:00:00Z".to_owned()),
            Just("2026-01-01T00:00:00.5+02:00".to_owned()),
            Just("2026-01-01T00:00:00+00:00".to_owned()),
            Just("2026-01-01T00:00:00.50Z".to_owned()),
            Just("yesterday".to_owned()),
        ],
        own_time in prop::option::of((any::<i32>(), -1440..1440_i32)),
        documents in prop::collection::btree_map("[a-z]{1,3}", value(), 0..3),
        (partition, position) in (0..4_u32, any::<u64>()),
    ) {
        let codec = codec();
        let mut event = event(&codec, "/var/log/0");
        for (name, value) in &texts {
            let text = if value == "ssh" { Text::Static(intern("ssh")) } else { Text::from(value.as_str()) };
            event.set_named(Space::Meta, NAMES[*name], text);
        }
        event.set_named(Space::Meta, "unknown name", Text::from("x"));
        event.set_named(Space::Parsed, "kept", Text::from("k"));
        event.set_named(Space::Enriched, "IsoCode", Text::from("FR"));
        event.marshaled_time = Text::from(time.as_str());
        event.time = match own_time {
            Some((at, minutes)) => Some(Stamp {
                at: EventTime(i64::from(at) * 1_000_000_007), offset: minutes * 60, utc: false, zone: None,
            }),
            None => parse_rfc3339(&time),
        };
        event.unmarshaled = documents.iter().map(|(key, value)| (key.as_str().into(), value.clone()))
            .collect::<BTreeMap<Arc<str>, Value>>();
        let at = Coordinate { partition: Partition(partition), position };
        let kept = codec.keep(&event, at);
        let (back, place) = codec.restore(&kept).unwrap();
        prop_assert_eq!(shown(&back), shown(&event));
        prop_assert_eq!(place, at);
        prop_assert_eq!(kept.coordinate(), Some(at));
    }

    #[test]
    fn foreign_bytes_are_no_event_and_no_crash(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let codec = codec();
        let mut known = vec![1];
        known.extend_from_slice(&bytes);
        for bytes in [bytes, known] {
            let kept = Kept::from_bytes(&bytes);
            let _ = (codec.restore(&kept), kept.stamp(), kept.coordinate());
        }
    }
}

#[test]
fn what_nobody_reads_is_not_kept() {
    let codec = codec();
    let mut event = event(&codec, "/var/log/0");
    event.set_named(Space::Parsed, "dropped", Text::from("x"));
    let kept = codec.keep(&event, Coordinate { partition: Partition(0), position: 7 });
    assert_eq!(codec.restore(&kept).unwrap().0.named(Space::Parsed), []);
    assert!(kept.as_bytes().len() < 10, "{} bytes", kept.as_bytes().len());
}
