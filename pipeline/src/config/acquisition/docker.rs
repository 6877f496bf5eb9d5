//! `source: docker`: logs of containers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connectors::docker::{Config, Selection};
use operators::time::{GoDuration, layout};
use operators::yaml::{Located, Reading};

use super::{Connector, Place, Start, endpoint, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "docker source", groups: &[shared::KEYS, KEYS] };

static KEYS: &[Key] = &[
    Key::new("container_name", Kind::Texts, "containers of these names"),
    Key::new("container_id", Kind::Texts, "containers of these ids"),
    Key::new("container_name_regexp", Kind::Texts, "names that match; they begin with a slash"),
    Key::new("container_id_regexp", Kind::Texts, "ids that match"),
    Key::new("use_container_labels", Kind::Flag, "containers with the label crowdsec.enable=true"),
    Key::new("follow_stdout", Kind::Flag, "read standard output").or("true"),
    Key::new("follow_stderr", Kind::Flag, "read standard error").or("true"),
    Key::new("since", Kind::Text, "a first start reads what is newer: a date, or how long ago"),
    Key::new("docker_host", Kind::Text, "the daemon").or("unix:///var/run/docker.sock"),
    Key::new("tls", Kind::Section(&endpoint::TLS), "certificates, for a daemon behind TLS"),
    Key::new("max_line", Kind::Size, "a longer line is counted, not read (1MiB)"),
    Key::new("memory", Kind::Size, "lines of a container that wait to be kept (1MiB)"),
    Key::new("until", Kind::Text, "accepted: a container is read for ever"),
    Key::new("check_interval", Kind::Text, "accepted: the daemon tells what happens"),
    Key::new("service_name", Kind::Texts, "not known yet"),
    Key::new("service_id", Kind::Texts, "not known yet"),
    Key::new("service_name_regexp", Kind::Texts, "not known yet"),
    Key::new("service_id_regexp", Kind::Texts, "not known yet"),
    Key::new("use_service_labels", Kind::Flag, "not known yet"),
];

const SERVICES: [&str; 5] = [
    "service_name",
    "service_id",
    "service_name_regexp",
    "service_id_regexp",
    "use_service_labels",
];

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    let selection = selection(values, reading);
    let named = [&selection.names, &selection.ids, &selection.name_regexps, &selection.id_regexps];
    let named: Vec<&str> = named.into_iter().flatten().map(String::as_str).collect();
    let name = match named.as_slice() {
        [] => "docker".to_owned(),
        named => format!("docker:{}", named.join(",")),
    };
    let mut config = Config::new(selection);
    if let Some(host) = values.text("docker_host") {
        host.clone_into(&mut config.host);
    }
    if let Some(tls) = values.section("tls") {
        config.tls = endpoint::client_tls(tls, place.directory, reading);
    }
    config.stdout = values.flag("follow_stdout");
    config.stderr = values.flag("follow_stderr");
    config.since = match (values.located("since"), place.start) {
        (Some(since), _) => since_of(&since, reading),
        (None, Start::Beginning) => Some(0),
        (None, Start::End) => None,
    };
    config.follow = !shared::is_finite(values);
    config.max_line = values.size("max_line").unwrap_or(config.max_line);
    config.window_bytes = values.size("memory").unwrap_or(config.window_bytes);
    shared::without_effect(values, &["until"], "a container is read as long as it is", reading);
    shared::without_effect(values, &["check_interval"], "the daemon tells what happens", reading);
    (name, Connector::Docker(config))
}

fn selection(values: &Values, reading: &mut Reading<'_>) -> Selection {
    for key in SERVICES {
        if values.entry(key).is_some() {
            let help = "name containers, or use container labels";
            let message = format!("`{key}` is not known yet: containers are not found by service");
            reading.refuse_with(values.place(key), message, help);
        }
    }
    let mut regexps = |key: &str| -> Vec<String> {
        for text in values.texts(key) {
            if let Err(error) = regex::Regex::new(&text.value) {
                let text_of = error.to_string();
                let last = text_of.lines().last().unwrap_or("").trim_start_matches("error: ");
                reading.refuse(text.at, format!("bad regular expression: {last}"));
            }
        }
        values.words(key)
    };
    let selection = Selection {
        name_regexps: regexps("container_name_regexp"),
        id_regexps: regexps("container_id_regexp"),
        names: values.words("container_name"),
        ids: values.words("container_id"),
        use_container_labels: values.flag("use_container_labels"),
    };
    let Selection { names, ids, name_regexps, id_regexps, use_container_labels } = &selection;
    let named = [names, ids, name_regexps, id_regexps].iter().any(|list| !list.is_empty());
    if named == *use_container_labels {
        let message = match named {
            true => "`use_container_labels` and lists of containers exclude each other",
            false => "a docker source names no containers",
        };
        let help = "write `container_name: […]` or its kin, or `use_container_labels: true`";
        reading.refuse_with(values.at, message, help);
    }
    selection
}

/// A date, seconds since 1970, or how long ago, as Docker takes it.
fn since_of(text: &Located<String>, reading: &mut Reading<'_>) -> Option<i64> {
    if let Some(stamp) = layout::parse_rfc3339(&text.value) {
        return Some(stamp.at.0);
    }
    if let Ok(seconds) = text.value.parse::<i64>() {
        return seconds.checked_mul(1_000_000_000);
    }
    if let Ok(GoDuration(ago)) = GoDuration::parse(&text.value) {
        let ago = Duration::from_nanos(u64::try_from(ago).unwrap_or(0));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        return i64::try_from(now.saturating_sub(ago).as_nanos()).ok();
    }
    let help = "write 2026-11-20T00:00:00Z, seconds since 1970, or a duration such as 10m";
    reading.refuse_with(text.at, format!("`since`: {:?} is no time", text.value), help);
    None
}
