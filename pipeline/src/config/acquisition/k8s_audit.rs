//! `source: k8s-audit`: audit events that a Kubernetes API server sends.

use connectors::k8s_audit::Config;
use operators::yaml::Reading;

use super::{Connector, Place, listener, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "k8s-audit source", groups: &[shared::KEYS, KEYS, listener::KEYS] };

static KEYS: &[Key] = &[
    Key::new("listen_addr", Kind::Text, "address to listen on"),
    Key::new("listen_port", Kind::Count(1, 65_535, &[]), "port to listen on"),
    Key::new("webhook_path", Kind::Text, "path of the webhook"),
];

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    let host = values.required("listen_addr", reading);
    if values.count("listen_port").is_none() {
        reading.refuse(values.place("listen_port"), "k8s-audit source needs `listen_port`");
    }
    let webhook_path = values.required("webhook_path", reading);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let address = format!("{host}:{}", values.count("listen_port").unwrap_or(0));
    let mut listening = listener::read(values, place.directory, reading);
    listening.address = Some(address.clone());
    (format!("k8s-audit:{address}"), Connector::K8sAudit(Config { listening, webhook_path }))
}
