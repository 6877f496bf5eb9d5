//! Acquisition files (`acquis.yaml`) as replay needs them: which labels the lines of a file get.
//! Other sources than files are accepted and left out with a note (crowdsec pkg/acquisition).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glob::{MatchOptions, Pattern};
use operators::yaml::{
    Content, Documents, Fields, Located, Node, Position, Reading, RuleError, suggestion,
};
use regex::Regex;

use crate::hub::environment::expand;
use crate::hub::file::{RuleFile, decode_text};
use crate::hub::text::{read_text, refused};
use crate::transform::Transform;
use crate::zone::Written;

/// The file sources of an acquisition file, in order.
#[derive(Clone, Debug, Default)]
pub struct Acquisition {
    /// The first that fits a file gives its labels.
    pub sources: Vec<FileSource>,
}

/// One `source: file`.
#[derive(Clone, Debug)]
pub struct FileSource {
    /// Where it starts.
    pub at: Position,
    /// Which files, as Go's `filepath.Glob` understands it.
    pub patterns: Vec<Pattern>,
    /// Which of these not: unanchored, tested on the path.
    pub excluded: Vec<Regex>,
    /// Labels of every line, `type` among them, by key.
    pub labels: Vec<(String, String)>,
    /// What makes other lines of its lines.
    pub transform: Option<Arc<Transform>>,
    /// Where dates of its lines that say no zone were written, if it says so.
    pub zone: Option<Written>,
}

const COMMON_KEYS: [&str; 12] = [
    "source",
    "mode",
    "labels",
    "log_level",
    "name",
    "use_time_machine",
    "unique_id",
    "transform",
    "timezone",
    // Those of `spillway run` that mean nothing where all there is is read.
    "clock",
    "hold",
    "rate",
];
const FILE_KEYS: [&str; 8] = [
    "filename",
    "filenames",
    "exclude_regexps",
    "force_inotify",
    "max_buffer_size",
    "poll_without_inotify",
    "discovery_poll_enable",
    "discovery_poll_interval",
];
const SOURCES: [&str; 14] = [
    "file",
    "journalctl",
    "syslog",
    "docker",
    "kafka",
    "loki",
    "victorialogs",
    "http",
    "kinesis",
    "cloudwatch",
    "s3",
    "k8s-audit",
    "wineventlog",
    "appsec",
];
const MODES: [&str; 3] = ["tail", "cat", "server"];
const LEVELS: [&str; 8] = ["trace", "debug", "info", "warning", "warn", "error", "fatal", "panic"];
/// A wildcard stays within one directory, as in Go.
const LIKE_GO: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// What acquisition files say, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The sources of all files.
    pub acquisition: Acquisition,
    /// What makes a file unusable.
    pub errors: Vec<RuleError>,
    /// What works, but not as its author thinks.
    pub warnings: Vec<RuleError>,
}

/// Loads acquisition files. Of a directory (`acquis.d`) these are its `*.yaml` by name, then its
/// `*.yml`, as with CrowdSec. `$NAME` and `${NAME}` become what `environment` gives; what it does
/// not know stays.
pub fn load(paths: &[PathBuf], environment: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let mut loaded = Loaded::default();
    for path in paths {
        for path in files(path, &mut loaded.errors) {
            let shown = path.display().to_string();
            match read_text(&path, &shown) {
                Ok(text) => {
                    let text = expand(&text, environment);
                    let file: RuleFile<Acquisition> = decode_text(shown, &text, read);
                    loaded.acquisition.sources.extend(file.content.sources);
                    loaded.errors.extend(file.errors);
                    loaded.warnings.extend(file.warnings);
                }
                Err(error) => loaded.errors.push(error),
            }
        }
    }
    loaded
}

/// The files of a directory, or the one file.
fn files(path: &Path, errors: &mut Vec<RuleError>) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let shown = path.display().to_string();
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            errors.push(refused(&shown, &error));
            return Vec::new();
        }
    };
    let rank = |path: &PathBuf| match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml") => Some(0),
        Some("yml") => Some(1),
        _ => None,
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut found: Vec<_> = paths.filter_map(|path| Some((rank(&path)?, path))).collect();
    found.sort();
    if found.is_empty() {
        let error = RuleError::of_file(&shown, "no acquisition files here");
        errors.push(error.with_help("their names end in .yaml or .yml"));
    }
    found.into_iter().map(|(_, path)| path).collect()
}

/// Decodes an acquisition file.
pub fn read(documents: &Documents, reading: &mut Reading<'_>) -> Acquisition {
    let sources = documents.nodes.iter();
    Acquisition { sources: sources.filter_map(|document| source(document, reading)).collect() }
}

impl Acquisition {
    /// The source that a file belongs to: the first whose pattern fits its path, as given or from
    /// the root, else the one that fits most of the path's end, without what rotation and
    /// compression added to the name. Archived logs have left the directory that they were written in.
    pub fn source_of(&self, path: &Path) -> Option<&FileSource> {
        let shown = path.to_string_lossy();
        let absolute = std::path::absolute(path).unwrap_or_default();
        let absolute = absolute.to_string_lossy();
        let admitting = || self.sources.iter().filter(|source| source.admits(&shown));
        let fits = |pattern: &Pattern| {
            pattern.matches_with(&shown, LIKE_GO) || pattern.matches_with(&absolute, LIKE_GO)
        };
        if let Some(source) = admitting().find(|source| source.patterns.iter().any(fits)) {
            return Some(source);
        }
        let mut best = None;
        for source in admitting() {
            let grades = source.patterns.iter().filter_map(|pattern| likeness(pattern, &shown));
            let grade = grades.max();
            if grade > best.as_ref().and_then(|(grade, _)| *grade) {
                best = Some((grade, source));
            }
        }
        best.map(|(_, source)| source)
    }
}

impl FileSource {
    /// The label `type`, which parsers ask for; "" where there is none.
    pub fn kind(&self) -> &str {
        let kind = self.labels.iter().find(|(key, _)| key == "type");
        kind.map_or("", |(_, value)| value)
    }

    fn admits(&self, path: &str) -> bool {
        !self.excluded.iter().any(|regex| regex.is_match(path))
    }
}

/// How many last parts of a path a pattern fits, and by how many letters; `None` where it fits
/// none, or nothing but an extension.
fn likeness(pattern: &Pattern, path: &str) -> Option<(usize, usize)> {
    let mut patterns = pattern.as_str().rsplit('/');
    let mut parts = path.rsplit('/');
    let last = patterns.next().unwrap_or("");
    if !name_fits(last, parts.next()?) {
        return None;
    }
    let same = |(pattern, part): &(&str, &str)| {
        Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_with(part, LIKE_GO))
    };
    let parts = 1 + patterns.zip(parts).take_while(same).count();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let letters = stem.chars().filter(|c| c.is_alphanumeric()).count();
    (parts > 1 || letters > 0).then_some((parts, letters))
}

fn name_fits(pattern: &str, name: &str) -> bool {
    let Ok(pattern) = Pattern::new(pattern) else { return false };
    let mut name = name;
    loop {
        if pattern.matches_with(name, LIKE_GO) {
            return true;
        }
        let Some((stem, suffix)) = name.rsplit_once(['.', '-']) else { return false };
        let rotated = suffix.chars().all(|c| c.is_ascii_digit());
        if !rotated && !["gz", "zst", "bz2", "xz", "old"].contains(&suffix) {
            return false;
        }
        name = stem;
    }
}

fn source(document: &Node, reading: &mut Reading<'_>) -> Option<FileSource> {
    if document.is_null() {
        return None;
    }
    let kind = kind(document, reading)?;
    let before = reading.errors.len();
    let what = format!("{kind} source");
    if kind != "file" {
        let at = document.entry("source").map_or(document.at, |node| node.at);
        reading.warn(at, format!("{what} left out: replay reads files"));
        // Its other keys are its own: what is common is checked all the same.
        let fields = Fields::open(document, &what, &keys_of(document), reading)?;
        common(&fields, (kind, before), reading);
        return None;
    }
    let keys: Vec<&str> = COMMON_KEYS.into_iter().chain(FILE_KEYS).collect();
    let fields = Fields::open(document, &what, &keys, reading)?;
    let Common { labels, transform, zone } = common(&fields, (kind, before), reading);
    let mut names = fields.texts("filenames", reading);
    names.extend(fields.text("filename", reading));
    if names.is_empty() {
        reading.refuse(fields.at, "a file source needs `filename` or `filenames`");
    }
    let patterns = names.iter().filter_map(|name| pattern(name, reading)).collect();
    let excluded = fields.texts("exclude_regexps", reading);
    let excluded = excluded.iter().filter_map(|text| regex(text, reading)).collect();
    for key in ["force_inotify", "poll_without_inotify", "discovery_poll_enable"] {
        fields.optional_flag(key, reading);
    }
    fields.integer("max_buffer_size", reading);
    fields.duration("discovery_poll_interval", reading);
    Some(FileSource { at: fields.at, patterns, excluded, labels, transform, zone })
}

/// Which source a document describes: what it says, or what its keys tell.
fn kind(document: &Node, reading: &mut Reading<'_>) -> Option<&'static str> {
    let said = document.entry("source").and_then(Node::located_text);
    let has = |key| document.entry(key).is_some();
    match said {
        Some(said) => {
            let known = SOURCES.into_iter().find(|known| *known == said.value);
            if known.is_none() {
                let error =
                    reading.source.error(said.at, format!("unknown source {:?}", said.value));
                reading.errors.push(error.with_suggestion(suggestion(&said.value, &SOURCES)));
            }
            known
        }
        None if has("filename") || has("filenames") => Some("file"),
        None if has("journalctl_filter") => Some("journalctl"),
        None => {
            let help = "write `filenames: […]`, or `source:` and its kind";
            reading.refuse_with(document.at, "this is no source", help);
            None
        }
    }
}

fn keys_of(document: &Node) -> Vec<&str> {
    let Content::Map(entries) = &document.content else { return Vec::new() };
    entries.iter().map(|(key, _)| key.value.as_str()).collect()
}

/// What a replay needs of what every source may have.
struct Common {
    labels: Vec<(String, String)>,
    transform: Option<Arc<Transform>>,
    zone: Option<Written>,
}

/// Reads what every source may have (crowdsec pkg/acquisition/configuration). `before` is how many
/// errors there were before the document.
fn common(fields: &Fields<'_>, (kind, before): (&str, usize), reading: &mut Reading<'_>) -> Common {
    let modes: &[&str] = if kind == "file" { &["tail", "cat"] } else { &MODES };
    word(fields, "mode", modes, reading);
    word(fields, "log_level", &LEVELS, reading);
    for key in ["name", "unique_id"] {
        fields.text(key, reading);
    }
    fields.optional_flag("use_time_machine", reading);
    // Those of containers may be on the containers, and a misspelt key is said already.
    let needed = kind != "docker" && reading.errors.len() == before;
    let labels = labels(fields, needed, reading);
    let transform = fields.text("transform", reading);
    let transform = transform.and_then(|text| Transform::compile(&text, reading)).map(Arc::new);
    let zone = fields.text("timezone", reading).and_then(|name| {
        name.value.parse().map_err(|message: String| reading.refuse(name.at, message)).ok()
    });
    Common { labels, transform, zone }
}

/// Refuses a text that is none of `known`.
fn word(fields: &Fields<'_>, key: &str, known: &[&str], reading: &mut Reading<'_>) {
    let Some(text) = fields.text(key, reading) else { return };
    if !known.iter().any(|known| text.value.eq_ignore_ascii_case(known)) {
        let message = format!("`{key}` is one of {}, not {:?}", known.join(", "), text.value);
        let error = reading.source.error(text.at, message);
        reading.errors.push(error.with_suggestion(suggestion(&text.value, known)));
    }
}

fn labels(fields: &Fields<'_>, needed: bool, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let entries = fields.entries("labels", reading).iter();
    let text = |(key, node): &(Located<String>, Node)| {
        Some((key.value.clone(), reading.text_of(node, &key.value)?.value))
    };
    let mut labels: Vec<_> = entries.filter_map(text).collect();
    labels.sort();
    if needed && !labels.iter().any(|(key, _)| key == "type") {
        let help = "parsers ask for it: `labels: {type: nginx}`";
        if labels.is_empty() {
            reading.refuse_with(fields.at, "a source needs `labels`", help);
        } else {
            reading
                .warn(fields.place("labels"), "no label `type`: parsers will not take its lines");
        }
    }
    labels
}

fn pattern(text: &Located<String>, reading: &mut Reading<'_>) -> Option<Pattern> {
    // Go has no `**`: it is a `*`.
    match Pattern::new(&text.value.replace("**", "*")) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            reading.refuse(text.at, format!("bad file pattern: {}", error.msg));
            None
        }
    }
}

fn regex(text: &Located<String>, reading: &mut Reading<'_>) -> Option<Regex> {
    match Regex::new(&text.value) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let text_of = error.to_string();
            let last = text_of.lines().last().unwrap_or("").trim_start_matches("error: ");
            reading.refuse(text.at, format!("bad regular expression: {last}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> RuleFile<Acquisition> {
        decode_text("acquis.yaml", text, read)
    }

    const TWO: &str = "filenames:\n- /var/log/nginx/*.log\n- /srv/www/error.log\nlabels:\n  \
        type: nginx\n---\nsource: file\nfilename: /var/log/auth.log\nlabels: {type: syslog, a: 1}\n\
        exclude_regexps: ['old']\n";

    #[track_caller]
    fn kind_of(path: &str) -> String {
        let file = decode(TWO);
        assert_eq!(file.errors, []);
        let source = file.content.source_of(Path::new(path));
        source.map_or("-".to_owned(), |source| source.kind().to_owned())
    }

    #[test]
    fn a_pattern_stays_within_its_directory() {
        assert_eq!(kind_of("/var/log/nginx/access.log"), "nginx");
        assert_eq!(kind_of("/var/log/nginx/old/x.txt"), "-");
        assert_eq!(kind_of("/var/log/auth.log"), "syslog");
    }

    #[test]
    fn a_path_from_here_is_one_from_the_root() {
        let here = std::env::current_dir().unwrap();
        let text = format!("filename: {}/*.json\nlabels: {{type: x}}\n", here.display());
        let file = decode(&text);
        let known = |path: &str| file.content.source_of(Path::new(path)).is_some();
        assert_eq!([known("a.json"), known("b/a.json"), known("/a.json")], [true, false, false]);
    }

    #[test]
    fn an_archived_log_is_known_by_its_name() {
        assert_eq!(kind_of("backup/auth.log.2.gz"), "syslog");
        assert_eq!(kind_of("backup/auth.log-20260801.xz"), "syslog");
        assert_eq!(kind_of("backup/old/auth.log"), "-");
        assert_eq!(kind_of("backup/error.log.1"), "nginx");
        assert_eq!(kind_of("backup/nginx/shop.log"), "nginx");
        assert_eq!(kind_of("backup/kern.log"), "-", "`*.log` alone says nothing");
    }

    #[test]
    fn other_sources_are_left_out_with_a_note() {
        let file = decode(
            "source: kafka\ntopic: x\nlabels: {type: a}\n---\n# nothing\n---\n\
             journalctl_filter: [a]\nlabels: {type: b}\n---\nsource: docker\n",
        );
        assert_eq!((&file.errors, file.warnings.len()), (&Vec::new(), 3));
        assert!(file.content.sources.is_empty());
    }

    #[test]
    fn mistakes_are_refused() {
        let errors = |text: &str| {
            let errors = decode(text).errors;
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            errors("source: fiel\nlabels: {type: x}\n"),
            "acquis.yaml:1:9: unknown source \"fiel\""
        );
        assert_eq!(errors("filename: /x\n"), "acquis.yaml:1:1: a source needs `labels`");
        assert_eq!(
            errors("filename: /x\nlabel: {type: x}\nlabels: {type: x}\n"),
            "acquis.yaml:2:1: unknown key `label` in file source"
        );
        assert!(errors("filename: '['\nlabels: {type: x}\n").contains("bad file pattern"));
        let labels = "labels: {type: x}\n";
        let of = |rest: &str| errors(&format!("filename: /x\n{labels}{rest}"));
        assert_eq!(
            of("mode: server\n"),
            "acquis.yaml:3:7: `mode` is one of tail, cat, not \"server\""
        );
        assert!(of("log_level: loud\n").contains("not \"loud\""));
        assert_eq!(of("log_level: Debug\nname: a\nunique_id: b\nuse_time_machine: true\n"), "");
        assert_eq!(
            errors(&format!("source: kafka\ntransform: evt.Foo\n{labels}---\nsource: loki\n")),
            "acquis.yaml:2:16: type Event has no field Foo; \
             acquis.yaml:5:1: a source needs `labels`"
        );
    }
}
