//! `source: file`: files, followed through rotations.

use connectors::file::{Config, File, Mode, Start as FileStart, Watching};
use operators::yaml::Reading;

use super::{Connector, Place, Start, shared};
use crate::config::key::{Key, Kind, Section};
use crate::config::values::Values;

/// Keys of this source.
pub(super) static SECTION: Section =
    Section { title: "file source", groups: &[shared::KEYS, KEYS] };

static KEYS: &[Key] = &[
    Key::new("filename", Kind::Text, "path or pattern; `**` stands for any directories"),
    Key::new("filenames", Kind::Texts, "more of them"),
    Key::new("exclude_regexps", Kind::Texts, "paths that match are not read"),
    Key::new(
        "start",
        Kind::Choice(Start::WORDS),
        "where a first start begins; later files from their beginning",
    ),
    Key::new("poll_without_inotify", Kind::Flag, "look at the files instead of being told"),
    Key::new(
        "poll_interval",
        Kind::Duration(&[]),
        "so often where the kernel does not tell (250ms)",
    ),
    Key::new(
        "discovery_poll_interval",
        Kind::Duration(&[]),
        "patterns are walked again after (30s)",
    ),
    Key::new(
        "rotated_in",
        Kind::Paths,
        "other directories of rotated parts (`olddir` of logrotate)",
    ),
    Key::new(
        "rotation_grace",
        Kind::Duration(&[]),
        "silence before the file behind a rotation is read (1s)",
    ),
    Key::new(
        "idle",
        Kind::Duration(&[]),
        "a last line without its end waits so long; else for ever",
    ),
    Key::new("max_open", Kind::Count(1, 1_000_000, &[]), "files open at once (1000)"),
    Key::new("max_line", Kind::Size, "a longer line is counted, not read (1MiB)"),
    Key::new("memory", Kind::Size, "lines that wait to be kept (64MiB)"),
    Key::new("max_buffer_size", Kind::Size, "another name of `max_line`; 0 for its default"),
    Key::new("force_inotify", Kind::Flag, "accepted: directories are always watched"),
    Key::new("discovery_poll_enable", Kind::Flag, "accepted: patterns are always walked again"),
];

pub(super) fn read(
    values: &Values,
    place: Place<'_>,
    reading: &mut Reading<'_>,
) -> (String, Connector) {
    let config = config(values, place);
    if config.patterns.is_empty() {
        reading.refuse(values.at, "a file source needs `filename` or `filenames`");
    } else if let Err(error) = File::new(config.clone()) {
        let at = match config.exclude.is_empty() {
            true => values.place("filenames"),
            false => values.place("exclude_regexps"),
        };
        reading.refuse(at, crate::report::chain(&error));
    }
    // Its lanes are paths: its name stays when paths are added, and other sources change.
    let first = config.patterns.first().map_or("", String::as_str);
    (format!("file:{first}"), Connector::File(config))
}

fn config(values: &Values, place: Place<'_>) -> Config {
    let named = values.words("filenames").into_iter();
    let all = named.chain(values.text("filename").map(str::to_owned));
    let absolute = |pattern: String| place.directory.join(pattern).display().to_string();
    let default = Config::default();
    let size = |key| values.size(key).filter(|size| *size > 0);
    Config {
        patterns: all.map(absolute).collect(),
        exclude: values.words("exclude_regexps"),
        mode: if shared::is_finite(values) { Mode::Cat } else { Mode::Tail },
        start: match shared::start(values, place) {
            Start::Beginning => FileStart::Beginning,
            Start::End => FileStart::End,
        },
        watching: match values.flag("poll_without_inotify") {
            true => Watching::Poll,
            false => Watching::Auto,
        },
        poll_interval: values.duration("poll_interval").unwrap_or(default.poll_interval),
        discovery_interval: values
            .duration("discovery_poll_interval")
            .unwrap_or(default.discovery_interval),
        rotated_in: values.paths("rotated_in", place.directory),
        rotation_grace: values.duration("rotation_grace").unwrap_or(default.rotation_grace),
        idle: values.duration("idle"),
        max_open: values.size("max_open").unwrap_or(default.max_open),
        max_line: size("max_line").or(size("max_buffer_size")).unwrap_or(default.max_line),
        memory: size("memory").unwrap_or(default.memory),
    }
}
