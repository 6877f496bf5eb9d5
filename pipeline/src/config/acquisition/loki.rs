//! `source: loki`: a Loki that is asked (`url`, `query`), or senders that take us for one
//! (`listen_addr`, `listen_socket`).

use connectors::loki::{PollConfig, PushConfig};
use operators::yaml::Reading;

use super::{Connector, Place, Start, endpoint, listener, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "loki source", groups: &[shared::KEYS, KEYS, endpoint::KEYS, RANGE, PUSH] };

static KEYS: &[Key] = &[
    Key::new("query", Kind::Text, "a LogQL log query"),
    Key::new("tenant", Kind::Text, "tenant, for `X-Scope-OrgID`"),
    Key::new("no_ready_check", Kind::Flag, "accepted: `/ready` is not asked"),
];

/// Keys of log stores that are asked for ranges of time.
pub(super) static RANGE: &[Key] = &[
    Key::new("limit", Kind::Count(1, 1_000_000, &[]), "entries of one answer (5000)"),
    Key::new("delay_for", Kind::Duration(&[]), "stay so far behind the present (2s)"),
    Key::new("since", Kind::Duration(&[]), "a first start begins so far back (0s)"),
    Key::new(
        "overlap",
        Kind::Duration(&[]),
        "lines may come so late; they are read once more (10s)",
    ),
    Key::new("poll_interval", Kind::Duration(&[]), "between two questions (1s)"),
    Key::new("window", Kind::Duration(&[]), "longest range of one question (1h)"),
    Key::new("labels_from", Kind::Texts, "fields that become labels of the line"),
    Key::new("max_line", Kind::Size, "a longer line is counted, not read (1MiB)"),
    Key::new("memory", Kind::Size, "lines that wait to be kept (8MiB)"),
    Key::new("wait_for_ready", Kind::Duration(&[]), "accepted: it is tried for ever"),
    Key::new("max_failure_duration", Kind::Duration(&[]), "accepted: it is tried for ever"),
];

/// What CrowdSec gives up by.
pub(super) const PATIENCE: [&str; 2] = ["wait_for_ready", "max_failure_duration"];

static PUSH: &[Key] = &[
    Key::new("listen_addr", Kind::Address, "be sent to, at this address"),
    Key::new("listen_socket", Kind::Path, "be sent to, at this Unix socket"),
    Key::new("tenant_label", Kind::Text, "label that gets the sender's `X-Scope-OrgID`"),
    Key::new("sent", Kind::Section(&SENT), "who may send, and how much"),
];

static SENT: Section = Section { title: "`sent`", groups: &[listener::KEYS] };

/// Keys of asking that mean nothing where we are sent to.
const ASKING: [&str; 3] = ["url", "query", "tenant"];

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    let address = values.text("listen_addr").map(str::to_owned);
    let socket = values.path("listen_socket", place.directory);
    if address.is_none() && socket.is_none() {
        return poll(values, place, reading);
    }
    for key in ASKING {
        if values.entry(key).is_some() {
            let help = "make two sources of it: one asks, the other is sent to";
            let message = format!("`{key}` asks a Loki, `listen_addr` takes what is sent");
            reading.refuse_with(values.place(key), message, help);
        }
    }
    let mut config = PushConfig::default();
    if let Some(sent) = values.section("sent") {
        config.listening = listener::read(sent, place.directory, reading);
    }
    config.listening.address = address;
    config.listening.socket = socket;
    config.labels_from = values.words("labels_from").into_iter().collect();
    config.tenant_label = values.text("tenant_label").map(str::to_owned);
    let at = config.listening.address.clone();
    let at = at.or(config.listening.socket.as_ref().map(|path| path.display().to_string()));
    (format!("loki-push:{}", at.unwrap_or_default()), Connector::LokiPush(config))
}

fn poll(values: &Values, place: Place<'_>, reading: &mut Reading<'_>) -> (String, Connector) {
    let endpoint = endpoint::read(values, place.directory, reading);
    let mut config = PollConfig::new("", &values.required("query", reading));
    let name = format!("loki:{} {}", endpoint.url, config.query);
    config.endpoint = endpoint;
    config.tenant = values.text("tenant").map(str::to_owned);
    config.limit = values.size("limit").unwrap_or(config.limit);
    config.delay_for = values.duration("delay_for").unwrap_or(config.delay_for);
    config.overlap = values.duration("overlap").unwrap_or(config.overlap);
    config.poll_interval = values.duration("poll_interval").unwrap_or(config.poll_interval);
    config.window = values.duration("window").unwrap_or(config.window);
    config.since = values.duration("since").unwrap_or(since(place.start));
    config.follow = !shared::is_finite(values);
    config.labels_from = values.words("labels_from").into_iter().collect();
    config.max_line = values.size("max_line").unwrap_or(config.max_line);
    config.window_bytes = values.size("memory").unwrap_or(config.window_bytes);
    shared::without_effect(values, &PATIENCE, "it is tried for ever", reading);
    shared::without_effect(values, &["no_ready_check"], "`/ready` is not asked", reading);
    (name, Connector::Loki(Box::new(config)))
}

/// How far back a first start begins. A log store has no beginning that could be asked for: a day.
pub(super) fn since(start: Start) -> std::time::Duration {
    match start {
        Start::End => std::time::Duration::ZERO,
        Start::Beginning => std::time::Duration::from_secs(86_400),
    }
}
