//! `source: stdin`: standard input of the service.

use connectors::stdin::Config;

use super::{Connector, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "stdin source", groups: &[shared::KEYS, KEYS] };

static KEYS: &[Key] = &[
    Key::new("max_line", Kind::Size, "a longer line is counted, not read (1MiB)"),
    Key::new("memory", Kind::Size, "lines that wait to be kept (16MiB)"),
];

pub(super) fn read(values: &Values) -> (String, Connector) {
    let default = Config::default();
    let config = Config {
        max_line: values.size("max_line").unwrap_or(default.max_line),
        window_bytes: values.size("memory").unwrap_or(default.window_bytes),
    };
    ("stdin".to_owned(), Connector::Stdin(config))
}
