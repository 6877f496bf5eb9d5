//! `source: kafka`: topics of a Kafka cluster.

use std::sync::Arc;

use connectors::kafka::{Config, Fields, PRESETS, Path, Payload, Start, Topics};
use operators::time::layout;
use operators::yaml::{Located, Reading};

use super::{Connector, Place, shared};
use crate::config::cluster;
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "kafka source", groups: &[shared::KEYS, KEYS, cluster::KEYS, CROWDSEC] };

static KEYS: &[Key] = &[
    Key::new("topic", Kind::Text, "a topic"),
    Key::new("topics", Kind::Texts, "more of them"),
    Key::new("topics_regexp", Kind::Texts, "all topics whose whole names match, now or later"),
    Key::new("partition", Kind::Count(0, 1 << 30, &[]), "only this partition; all"),
    Key::new("partitions", Kind::Counts, "only these"),
    Key::new("group_id", Kind::Text, "group under which offsets are committed, for lag tools"),
    Key::new(
        "start",
        Kind::Text,
        "a first start begins at: latest, earliest, stored (of the group; the default with one), \
         or a date",
    ),
    Key::new("format", Kind::Choice(&PRESETS), "how lines stand in records").or("raw"),
    Key::new(
        "line",
        Kind::Texts,
        "JSON field of the line, such as event.original; the first that is there",
    ),
    Key::new("time", Kind::Texts, "JSON field of the time; the record's"),
    Key::new("label_fields", Kind::Pairs, "labels, and the JSON fields that they are taken from"),
    Key::new("max_line", Kind::Size, "a longer line is counted, not read (1MiB)"),
    Key::new("memory", Kind::Size, "lines of a partition that wait to be kept (4MiB)"),
    Key::new("prefetch", Kind::Size, "what is fetched ahead, of all partitions (8MiB)"),
    Key::new("discovery_interval", Kind::Duration(&[]), "new topics are looked for after (30s)"),
];

static CROWDSEC: &[Key] = &[
    Key::new("timeout", Kind::Text, "accepted: it is tried for ever"),
    Key::new("batch", Kind::Section(&BATCH), "accepted: `prefetch` bounds what is fetched"),
];

static BATCH: Section = Section {
    title: "`batch`",
    groups: &[&[
        Key::new("min_bytes", Kind::Text, "accepted"),
        Key::new("max_bytes", Kind::Text, "accepted"),
        Key::new("max_wait", Kind::Text, "accepted"),
        Key::new("queue_size", Kind::Text, "accepted"),
        Key::new("commit_interval", Kind::Text, "accepted"),
    ]],
};

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    let cluster = cluster::read(values, place.directory, reading);
    let topics = topics(values, reading);
    let named = values.words("topics").into_iter().chain(values.words("topics_regexp"));
    let named: Vec<_> = values.text("topic").map(str::to_owned).into_iter().chain(named).collect();
    let mut config = Config::new(cluster, topics);
    config.group_id = values.text("group_id").map(str::to_owned);
    let from_beginning = place.start == super::Start::Beginning;
    config.start = match (values.located("start"), &config.group_id) {
        (Some(start), _) => start_of(&start, reading),
        // A group that CrowdSec used goes on where it was.
        (None, Some(_)) if from_beginning => Start::Stored,
        (None, Some(_)) => Start::StoredOrLatest,
        (None, None) if from_beginning => Start::Earliest,
        (None, None) => Start::Latest,
    };
    if config.start == Start::Stored && config.group_id.is_none() {
        reading.refuse(values.place("start"), "`start: stored` needs `group_id`: it is asked");
    }
    config.payload = payload(values, reading);
    config.max_line = values.size("max_line").unwrap_or(config.max_line);
    config.window = values.size("memory").unwrap_or(config.window);
    config.prefetch = values.size("prefetch").unwrap_or(config.prefetch);
    config.discovery = values.duration("discovery_interval").unwrap_or(config.discovery);
    if shared::is_finite(values) {
        let help = "leave `mode` out";
        reading.refuse_with(values.place("mode"), "a topic has no end to stop at", help);
    }
    shared::without_effect(values, &["timeout"], "it is tried for ever", reading);
    shared::without_effect(values, &["batch"], "`prefetch` bounds what is fetched", reading);
    (format!("kafka:{}", named.join(",")), Connector::Kafka(Box::new(config)))
}

fn topics(values: &Values, reading: &mut Reading<'_>) -> Vec<Topics> {
    let names = values.texts("topics").iter().map(|name| name.value.clone());
    let names = names.chain(values.text("topic").map(str::to_owned));
    let mut all: Vec<Topics> = names.map(|name| Topics::named(&name)).collect();
    for pattern in values.texts("topics_regexp") {
        match Topics::matching(&pattern.value) {
            Ok(topics) => all.push(topics),
            Err(error) => {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or("").trim_start_matches("error: ");
                reading.refuse(pattern.at, format!("bad regular expression: {last}"));
            }
        }
    }
    if all.is_empty() {
        let help = "write `topic: logs`, or `topics_regexp: [logs-.*]`";
        reading.refuse_with(values.at, "a kafka source names no topic", help);
    }
    let listed = values.counts("partitions").iter().copied().chain(values.count("partition"));
    let partitions: Vec<i32> = listed.filter_map(|number| i32::try_from(number).ok()).collect();
    all.into_iter().map(|topics| Topics { partitions: partitions.clone(), ..topics }).collect()
}

fn start_of(text: &Located<String>, reading: &mut Reading<'_>) -> Start {
    match text.value.as_str() {
        "latest" | "end" => Start::Latest,
        "earliest" | "beginning" => Start::Earliest,
        "stored" => Start::Stored,
        other => match layout::parse_rfc3339(other) {
            Some(stamp) => Start::Timestamp(stamp.unix_milli()),
            None => {
                let help = "write latest, earliest, stored, or a date: 2026-11-20T00:00:00Z";
                reading.refuse_with(text.at, format!("`start`: {other:?} is no place"), help);
                Start::Latest
            }
        },
    }
}

/// What a preset says, with fields of one's own in its places.
fn payload(values: &Values, reading: &mut Reading<'_>) -> Payload {
    let preset = Payload::preset(values.text("format").unwrap_or("raw")).unwrap_or(Payload::Raw);
    let paths = |key: &str| -> Vec<Path> {
        values.words(key).iter().map(|path| Path::from(path.as_str())).collect()
    };
    let labels = values.pairs("label_fields").into_iter();
    let labels: Vec<(Arc<str>, Vec<Path>)> =
        labels.map(|(name, path)| (name.into(), vec![Path::from(path.as_str())])).collect();
    let (line, time) = (paths("line"), paths("time"));
    if line.is_empty() && time.is_empty() && labels.is_empty() {
        return preset;
    }
    let mut fields = match preset {
        Payload::Json(fields) => fields,
        Payload::Raw => Fields::default(),
        other => {
            let message = "`line`, `time` and `label_fields` are for JSON, not for opentelemetry";
            reading.refuse(values.place("format"), message);
            return other;
        }
    };
    if !line.is_empty() {
        fields.line = line;
        fields.syslog = None;
    }
    if !time.is_empty() {
        fields.time = time;
    }
    fields.labels.retain(|(known, _)| labels.iter().all(|(name, _)| name != known));
    fields.labels.extend(labels);
    if fields.line.is_empty() {
        reading.refuse(values.at, "where is the line? Write `line: [message]`, or a `format`");
    }
    Payload::Json(fields)
}

#[cfg(test)]
mod tests {
    use std::path::Path as FilePath;

    use super::super::tests::meant as meant_by;
    use super::*;

    /// What keys mean, or the first error.
    fn meant(keys: &str) -> Result<(String, Config), String> {
        match meant_by(&format!("source: kafka\nbrokers: [a:1]\n{keys}"))? {
            (name, Connector::Kafka(config)) => Ok((name, *config)),
            (_, other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn what_crowdsec_takes_is_taken() {
        let keys = "topic: logs\ngroup_id: crowdsec\ntimeout: '5'\nbatch: {min_bytes: 1}\n\
            tls: {insecure_skip_verify: true, client_cert: c.pem, client_key: c.key}\n";
        let (name, config) = meant(keys).unwrap();
        assert_eq!(name, "kafka:logs");
        assert_eq!(config.start, Start::StoredOrLatest);
        let tls = config.cluster.tls.unwrap();
        assert_eq!(tls.certificate.as_deref(), Some(FilePath::new("/etc/spillway/c.pem")));
        assert!(!tls.verify);
    }

    #[test]
    fn starts_are_words_or_dates() {
        for (keys, start) in [
            ("", Start::Latest),
            ("start: earliest\n", Start::Earliest),
            ("start: stored\ngroup_id: g\n", Start::Stored),
            ("start: 2026-11-20T00:00:00Z\n", Start::Timestamp(1_795_132_800_000)),
        ] {
            assert_eq!(meant(&format!("topic: t\n{keys}")).unwrap().1.start, start, "{keys}");
        }
    }

    #[test]
    fn fields_of_ones_own_replace_those_of_a_format() {
        let keys = "topic: t\nformat: vector\nline: [text]\nlabel_fields: {host: server}\n";
        let Payload::Json(fields) = meant(keys).unwrap().1.payload else { panic!("no JSON") };
        assert_eq!(fields.line, [Path::from("text")]);
        let hosts = fields.labels.iter().filter(|(name, _)| &**name == "host");
        assert_eq!(
            hosts.map(|(_, paths)| paths.clone()).collect::<Vec<_>>(),
            [[Path::from("server")]]
        );
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_word() {
        for (keys, word) in [
            ("", "no topic"),
            ("topic: t\nmode: cat\n", "no end"),
            ("topics_regexp: ['(']\n", "regular expression"),
            ("topic: t\nstart: stored\n", "group_id"),
            ("topic: t\nstart: yesterday\n", "yesterday"),
            ("topic: t\ntime: [when]\n", "line"),
            ("topic: t\nsasl: {mechanism: oauthbearer}\n", "token"),
            ("topic: t\nsasl: {username: u}\n", "password"),
            ("topic: t\ntls: {client_cert: c}\n", "client_key"),
        ] {
            let error = meant(keys).unwrap_err();
            assert!(error.contains(word), "{keys}: {error}");
        }
    }
}
