//! `source: journalctl`: the journal of systemd.

use connectors::journalctl::Config;
use operators::yaml::Reading;

use super::{Connector, Place, Start, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "journalctl source", groups: &[shared::KEYS, KEYS] };

static KEYS: &[Key] = &[
    Key::new(
        "journalctl_filter",
        Kind::Texts,
        "arguments of journalctl, such as _SYSTEMD_UNIT=ssh.service",
    ),
    Key::new("start", Kind::Choice(Start::WORDS), "where a first start begins"),
    Key::new("directory", Kind::Path, "a directory of journal files instead of this host's"),
    Key::new("files", Kind::Paths, "journal files instead of this host's"),
    Key::new("program", Kind::Text, "the program (journalctl)"),
    Key::new("max_line", Kind::Size, "a longer message is counted, not read (1MiB)"),
    Key::new("memory", Kind::Size, "messages that wait to be kept (16MiB)"),
];

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    let default = Config::default();
    let config = Config {
        filter: values.words("journalctl_filter"),
        follow: !shared::is_finite(values),
        from_beginning: shared::start(values, place) == Start::Beginning,
        directory: values.path("directory", place.directory),
        files: values.paths("files", place.directory),
        program: values.text("program").map_or(default.program, Into::into),
        max_line: values.size("max_line").unwrap_or(default.max_line),
        window_bytes: values.size("memory").unwrap_or(default.window_bytes),
    };
    if config.filter.is_empty() && config.directory.is_none() && config.files.is_empty() {
        let help = "write `journalctl_filter: [_SYSTEMD_UNIT=ssh.service]`";
        reading.refuse_with(values.at, "a journalctl source needs `journalctl_filter`", help);
    }
    (format!("journalctl:{}", config.filter.join(" ")), Connector::Journalctl(config))
}
