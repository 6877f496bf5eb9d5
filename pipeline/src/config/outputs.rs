//! Outputs as people write them: items of `outputs:`. Out: what each connector is told, and which
//! streams it gets.

use std::path::Path;
use std::time::Duration;

use connectors::output::{
    Compression, File, FileConfig, KafkaConfig, KafkaTopics, Output, Rotation, Stdout, Sync, Topic,
    Webhook, WebhookConfig,
};
use operators::yaml::Reading;

use super::acquisition::endpoint;
use super::cluster;
use super::key::{Key, Kind, Section, Tagged};
use super::values::Values;
use crate::emit::Stream;
use crate::outputs::{Configured, Format, Shape};

/// The kinds of outputs.
pub static OUTPUTS: Tagged = Tagged {
    tag: "output",
    kinds: &[("file", &FILE), ("kafka", &KAFKA), ("stdout", &STDOUT), ("webhook", &WEBHOOK)],
    implied: &[],
    refused: &[],
};

/// The kinds of outputs of what is set aside.
pub static UNPARSED: Tagged = Tagged {
    tag: "output",
    kinds: &[
        ("file", &UNPARSED_FILE),
        ("kafka", &UNPARSED_KAFKA),
        ("stdout", &UNPARSED_STDOUT),
        ("webhook", &UNPARSED_WEBHOOK),
    ],
    implied: &[],
    refused: &[],
};

static UNPARSED_STDOUT: Section = Section { title: "stdout output", groups: &[NAMED] };

static UNPARSED_FILE: Section = Section { title: "file output", groups: &[NAMED, FILE_KEYS] };

static UNPARSED_WEBHOOK: Section =
    Section { title: "webhook output", groups: &[NAMED, WEBHOOK_KEYS] };

static UNPARSED_KAFKA: Section =
    Section { title: "kafka output", groups: &[NAMED, UNPARSED_TOPIC, WRITER_KEYS, cluster::KEYS] };

static UNPARSED_TOPIC: &[Key] = &[Key::new("unparsed", Kind::Section(&TOPIC), "the topic")];

static NAMED: &[Key] = &[
    Key::new("output", Kind::Text, "what kind of output this is"),
    Key::new(
        "name",
        Kind::Text,
        "what it is called in logs, metrics and the store; must stay the same",
    ),
];

static FORMAT: &[Key] = &[Key::new(
    "format",
    Kind::Choice(&["crowdsec", "ocsf"]),
    "in the words of CrowdSec's API, or as OCSF Detection Findings",
)
.or("crowdsec")];

static STREAMS: &[Key] = &[Key::new("streams", Kind::Texts, "which of alerts and decisions; both")];

static STDOUT: Section = Section { title: "stdout output", groups: &[NAMED, FORMAT, STREAMS] };

static FILE: Section =
    Section { title: "file output", groups: &[NAMED, FORMAT, STREAMS, FILE_KEYS] };

static FILE_KEYS: &[Key] = &[
    Key::new("path", Kind::Path, "the file of JSON lines; its directory must exist"),
    Key::new("rotate_size", Kind::Size, "another file is begun before this grows beyond"),
    Key::new("rotate_age", Kind::Duration(&[]), "another file is begun after"),
    Key::new("keep", Kind::Count(0, 1_000_000, &[]), "how many old files are kept").or("7"),
    Key::new("sync", Kind::Duration(&["always", "never"]), "when lines are safe on the disk")
        .or("always"),
];

static WEBHOOK: Section =
    Section { title: "webhook output", groups: &[NAMED, FORMAT, STREAMS, WEBHOOK_KEYS] };

static WEBHOOK_KEYS: &[Key] = &[
    Key::new("url", Kind::Text, "where: https://…"),
    Key::new("headers", Kind::Secrets, "headers of each request, such as credentials"),
    Key::new("tls", Kind::Section(&endpoint::TLS), "certificates"),
    Key::new("batch", Kind::Count(1, 100_000, &[]), "most messages of one request").or("100"),
    Key::new("timeout", Kind::Duration(&[]), "an answer comes within").or("30s"),
];

static KAFKA: Section = Section {
    title: "kafka output",
    groups: &[NAMED, FORMAT, KAFKA_KEYS, WRITER_KEYS, cluster::KEYS],
};

static KAFKA_KEYS: &[Key] = &[
    Key::new(
        "alerts",
        Kind::Section(&TOPIC),
        "topic of alerts; without any topic both have theirs",
    ),
    Key::new("decisions", Kind::Section(&TOPIC), "topic of decisions"),
    Key::new(
        "tombstones",
        Kind::Flag,
        "tell ends of decisions by records without a value, for compacted topics",
    )
    .or("false"),
];

static WRITER_KEYS: &[Key] = &[
    Key::new(
        "transactional_id",
        Kind::Text,
        "who writes: differs between services of a cluster (spillway-NAME)",
    ),
    Key::new("create", Kind::Flag, "create topics that do not exist").or("true"),
    Key::new("compression", Kind::Choice(&["none", "gzip", "snappy", "lz4", "zstd"]), "of records")
        .or("lz4"),
    Key::new("transaction", Kind::Count(1, 1_000_000, &[]), "most messages of one transaction")
        .or("10000"),
    Key::new("timeout", Kind::Duration(&[]), "a transaction is done within").or("1m"),
];

static TOPIC: Section = Section {
    title: "topic",
    groups: &[&[
        Key::new("topic", Kind::Text, "its name; that of the stream"),
        Key::new("partitions", Kind::Count(1, 100_000, &[]), "how many, if it is created").or("6"),
        Key::new("replication", Kind::Count(1, 100, &["default"]), "on how many brokers")
            .or("default"),
        Key::new("compact", Kind::Flag, "keep the last record of each key alone").or("false"),
    ]],
};

/// An output as meant.
#[derive(Clone, Debug)]
pub struct OutputSettings {
    /// What people call it; not yet unique.
    pub name: String,
    /// What goes there, and in which words.
    pub shape: Shape,
    /// What writes.
    pub target: Target,
}

impl OutputSettings {
    /// The output, ready to be started.
    pub fn configured(self) -> Configured {
        let target = self.target;
        let make = Box::new(move |context| -> Box<dyn Output> {
            match target {
                Target::File(config) => Box::new(File::new(config, context)),
                Target::Kafka(config) => Box::new(KafkaTopics::new(*config, context)),
                Target::Stdout => Box::new(Stdout::new(context)),
                Target::Webhook(config) => Box::new(Webhook::new(config, context)),
            }
        });
        Configured { name: self.name.into(), shape: self.shape, make }
    }
}

/// What a connector is told.
#[derive(Clone, Debug)]
pub enum Target {
    /// A file of JSON lines.
    File(FileConfig),
    /// Topics.
    Kafka(Box<KafkaConfig>),
    /// Standard output.
    Stdout,
    /// A server.
    Webhook(WebhookConfig),
}

/// What a map of a kind means; `None` where it is wrong, which is noted.
pub fn of_values(
    kind: &str,
    values: &Values,
    directory: &Path,
    reading: &mut Reading<'_>,
) -> Option<OutputSettings> {
    let before = reading.errors.len();
    let name = values.text("name").unwrap_or(kind).to_owned();
    let format = match values.text("format") {
        Some("ocsf") => Format::Ocsf,
        _ => Format::Crowdsec,
    };
    let mut shape = Shape { streams: streams(values, reading), format, tombstones: false };
    let target = match kind {
        "file" => Target::File(file(values, directory, reading)),
        "stdout" => Target::Stdout,
        "webhook" => Target::Webhook(webhook(values, directory, reading)),
        _ => {
            let both = [Stream::Alerts, Stream::Decisions];
            let config = kafka(values, (&name, &both), directory, reading);
            let wanted = |stream: &Stream| config.topics.iter().any(|t| t.stream == stream.name());
            shape.streams = vec![Stream::Alerts, Stream::Decisions];
            shape.streams.retain(wanted);
            shape.tombstones = values.flag("tombstones");
            Target::Kafka(Box::new(config))
        }
    };
    (reading.errors.len() == before).then_some(OutputSettings { name, shape, target })
}

/// The same of an output of what is set aside.
pub fn of_unparsed(
    kind: &str,
    values: &Values,
    directory: &Path,
    reading: &mut Reading<'_>,
) -> Option<OutputSettings> {
    let before = reading.errors.len();
    let name = values.text("name").map_or_else(|| format!("unparsed-{kind}"), str::to_owned);
    let shape = Shape { streams: vec![Stream::Unparsed], ..Shape::default() };
    let target = match kind {
        "file" => Target::File(file(values, directory, reading)),
        "stdout" => Target::Stdout,
        "webhook" => Target::Webhook(webhook(values, directory, reading)),
        _ => {
            let config = kafka(values, (&name, &[Stream::Unparsed]), directory, reading);
            Target::Kafka(Box::new(config))
        }
    };
    (reading.errors.len() == before).then_some(OutputSettings { name, shape, target })
}

fn streams(values: &Values, reading: &mut Reading<'_>) -> Vec<Stream> {
    let mut all = Vec::new();
    for text in values.texts("streams") {
        match text.value.as_str() {
            "alerts" => all.push(Stream::Alerts),
            "decisions" => all.push(Stream::Decisions),
            other => {
                let message = format!("`streams` are alerts and decisions, not {other:?}");
                reading.refuse(text.at, message);
            }
        }
    }
    if all.is_empty() {
        all = vec![Stream::Alerts, Stream::Decisions];
    }
    all
}

fn file(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> FileConfig {
    values.required("path", reading);
    let path = values.path("path", directory).unwrap_or_default();
    let rotation = Rotation {
        size: values.count("rotate_size"),
        age: values.duration("rotate_age"),
        keep: values.count("keep").and_then(|keep| u32::try_from(keep).ok()).unwrap_or(7),
    };
    let sync = match (values.text("sync"), values.duration("sync")) {
        (Some("never"), _) => Sync::Never,
        (_, Some(every)) => Sync::Every(every),
        _ => Sync::Always,
    };
    FileConfig { path, rotation, sync }
}

fn webhook(values: &Values, directory: &Path, reading: &mut Reading<'_>) -> WebhookConfig {
    let url = values.required("url", reading);
    if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
        let message = format!("{url:?} is no address of an HTTP server");
        reading.refuse_with(values.place("url"), message, "begin it with http:// or https://");
    }
    let mut config = WebhookConfig::new(&url);
    config.headers = values.pairs("headers");
    if let Some(tls) = values.section("tls") {
        config.tls = endpoint::client_tls(tls, directory, reading);
    }
    config.batch = values.size("batch").unwrap_or(config.batch);
    config.timeout = values.duration("timeout").unwrap_or(config.timeout);
    config
}

fn kafka(
    values: &Values,
    (name, streams): (&str, &[Stream]),
    directory: &Path,
    reading: &mut Reading<'_>,
) -> KafkaConfig {
    let cluster = cluster::read(values, directory, reading);
    let of = |stream: Stream| values.section(stream.name()).map(|topic| topic_of(stream, topic));
    let mut topics: Vec<Topic> = streams.iter().copied().filter_map(of).collect();
    if topics.is_empty() {
        topics = streams.iter().map(|stream| Topic::new(stream.name())).collect();
    }
    let id = values.text("transactional_id").map(str::to_owned);
    let mut config =
        KafkaConfig::new(cluster, &id.unwrap_or_else(|| format!("spillway-{name}")), topics);
    config.create = values.flag_or("create", true);
    config.compression = match values.text("compression") {
        Some("none") => Compression::None,
        Some("gzip") => Compression::Gzip,
        Some("snappy") => Compression::Snappy,
        Some("zstd") => Compression::Zstd,
        _ => Compression::Lz4,
    };
    config.transaction = values.size("transaction").unwrap_or(config.transaction);
    config.timeout = values.duration("timeout").unwrap_or(Duration::from_secs(60));
    config
}

fn topic_of(stream: Stream, values: &Values) -> Topic {
    let number = |key| values.count(key).and_then(|number| i32::try_from(number).ok());
    let mut topic = Topic::new(stream.name());
    if let Some(name) = values.text("topic") {
        name.clone_into(&mut topic.name);
    }
    topic.partitions = number("partitions").unwrap_or(topic.partitions);
    topic.replication = number("replication").unwrap_or(topic.replication);
    topic.compact = values.flag("compact");
    topic
}
