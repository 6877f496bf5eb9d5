//! `source: victorialogs`: a VictoriaLogs that is asked.

use connectors::victorialogs::Config;
use operators::yaml::Reading;

use super::{Connector, Place, endpoint, loki, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section = Section {
    title: "victorialogs source",
    groups: &[shared::KEYS, KEYS, endpoint::KEYS, loki::RANGE],
};

static KEYS: &[Key] = &[Key::new("query", Kind::Text, "a LogsQL query")];

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    let endpoint = endpoint::read(values, place.directory, reading);
    let mut config = Config::new("", &values.required("query", reading));
    let name = format!("victorialogs:{} {}", endpoint.url, config.query);
    config.endpoint = endpoint;
    config.limit = values.size("limit").unwrap_or(config.limit);
    config.delay_for = values.duration("delay_for").unwrap_or(config.delay_for);
    config.overlap = values.duration("overlap").unwrap_or(config.overlap);
    config.poll_interval = values.duration("poll_interval").unwrap_or(config.poll_interval);
    config.window = values.duration("window").unwrap_or(config.window);
    config.since = values.duration("since").unwrap_or(loki::since(place.start));
    config.follow = !shared::is_finite(values);
    config.labels_from = values.words("labels_from").into_iter().collect();
    config.max_line = values.size("max_line").unwrap_or(config.max_line);
    config.window_bytes = values.size("memory").unwrap_or(config.window_bytes);
    shared::without_effect(values, &loki::PATIENCE, "it is tried for ever", reading);
    (name, Connector::VictoriaLogs(Box::new(config)))
}
