//! `source: http`: JSON values that are sent to us, or OpenTelemetry's logs.

use connectors::http::{Config, Format};
use operators::yaml::Reading;

use super::{Connector, Place, listener, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "http source", groups: &[shared::KEYS, KEYS, listener::KEYS] };

static KEYS: &[Key] = &[
    Key::new("listen_addr", Kind::Address, "where to listen"),
    Key::new("listen_socket", Kind::Path, "Unix socket to listen on, besides or instead"),
    Key::new(
        "format",
        Kind::Choice(&["json", "otlp"]),
        "json: each value is a line; otlp: OpenTelemetry's logs",
    )
    .or("json"),
    Key::new("path", Kind::Text, "path of the requests (/, for otlp /v1/logs)"),
    Key::new("custom_status_code", Kind::Count(200, 299, &[]), "status that says yes (200)"),
    Key::new("custom_headers", Kind::Pairs, "headers of that answer"),
    Key::new("labels_from", Kind::Texts, "attributes that become labels of the line; for otlp"),
];

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    values.required("auth_type", reading);
    let mut listening = listener::read(values, place.directory, reading);
    listening.address = values.text("listen_addr").map(str::to_owned);
    listening.socket = values.path("listen_socket", place.directory);
    listener::needs_address(&listening, values, reading);
    let path = values.text("path");
    if path.is_some_and(|path| !path.starts_with('/')) {
        reading.refuse(values.place("path"), "`path` begins with a slash");
    }
    let of = |absent: &str| path.unwrap_or(absent).to_owned();
    let format = match values.text("format") {
        Some("otlp") => {
            let why = "it is for `format: json`";
            shared::without_effect(values, &["custom_status_code", "custom_headers"], why, reading);
            Format::Otlp {
                path: of("/v1/logs"),
                labels_from: values.words("labels_from").into_iter().collect(),
            }
        }
        _ => {
            shared::without_effect(values, &["labels_from"], "it is for `format: otlp`", reading);
            let status = values.count("custom_status_code").unwrap_or(200);
            Format::Json {
                path: of("/"),
                status: u16::try_from(status).unwrap_or(200),
                headers: values.pairs("custom_headers"),
            }
        }
    };
    let at = listening.address.clone();
    let at = at.or(listening.socket.as_ref().map(|path| path.display().to_string()));
    let name = format!("http:{}", at.unwrap_or_default());
    (name, Connector::Http(Config { listening, format }))
}
