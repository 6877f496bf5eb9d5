//! Acquisition files (`acquis.yaml`) as replay needs them: which labels the lines of a file get.
//! Other sources than files are accepted and left out with a note (crowdsec pkg/acquisition).

use std::path::Path;

use glob::{MatchOptions, Pattern};
use operators::yaml::{Documents, Fields, Located, Node, Position, Reading, suggestion};
use regex::Regex;

use crate::hub::file::{RuleFile, decode_text};
use crate::hub::layout::read_text;

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
    /// Expression that makes one line several.
    pub transform: Option<Located<String>>,
}

const COMMON_KEYS: [&str; 8] =
    ["source", "mode", "labels", "log_level", "name", "use_time_machine", "unique_id", "transform"];
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
/// A wildcard stays within one directory, as in Go.
const LIKE_GO: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Loads an acquisition file. `$NAME` and `${NAME}` become what `environment` gives; what it does
/// not know stays.
///
/// # Errors
/// The file cannot be read at all; what is wrong in it is in [`RuleFile::errors`].
pub fn load(
    path: &Path,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<RuleFile<Acquisition>, operators::yaml::RuleError> {
    let shown = path.display().to_string();
    let text = expand(&read_text(path, &shown)?, environment);
    Ok(decode_text(shown, &text, read))
}

/// Decodes an acquisition file.
pub fn read(documents: &Documents, reading: &mut Reading<'_>) -> Acquisition {
    let sources = documents.nodes.iter();
    Acquisition { sources: sources.filter_map(|document| source(document, reading)).collect() }
}

impl Acquisition {
    /// The source that a file belongs to: the first whose pattern fits its path, else the one
    /// that fits most of the path's end, without what rotation and compression added to the name.
    /// Archived logs have left the directory that they were written in.
    pub fn source_of(&self, path: &Path) -> Option<&FileSource> {
        let shown = path.to_string_lossy();
        let admitting = || self.sources.iter().filter(|source| source.admits(&shown));
        let fits = |pattern: &Pattern| pattern.matches_with(&shown, LIKE_GO);
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
    let kind = document.entry("source").and_then(Node::located_text);
    let has = |key| document.entry(key).is_some();
    match kind.as_ref().map_or("", |kind| kind.value.as_str()) {
        "" if has("filename") || has("filenames") => {}
        "" if has("journalctl_filter") => {
            reading.warn(document.at, "source journalctl left out: replay reads files");
            return None;
        }
        "" => {
            let help = "write `filenames: […]`, or `source:` and its kind";
            reading.refuse_with(document.at, "this is no source", help);
            return None;
        }
        "file" => {}
        other => {
            let at = kind.as_ref().map_or(document.at, |kind| kind.at);
            if SOURCES.contains(&other) {
                reading.warn(at, format!("source {other} left out: replay reads files"));
            } else {
                let error = reading.source.error(at, format!("unknown source {other:?}"));
                reading.errors.push(error.with_suggestion(suggestion(other, &SOURCES)));
            }
            return None;
        }
    }
    let keys: Vec<&str> = COMMON_KEYS.into_iter().chain(FILE_KEYS).collect();
    let fields = Fields::open(document, "file source", &keys, reading)?;
    let labels = labels(&fields, reading);
    let mut names = fields.texts("filenames", reading);
    names.extend(fields.text("filename", reading));
    if names.is_empty() {
        reading.refuse(fields.at, "a file source needs `filename` or `filenames`");
    }
    let patterns = names.iter().filter_map(|name| pattern(name, reading)).collect();
    let excluded = fields.texts("exclude_regexps", reading);
    let excluded = excluded.iter().filter_map(|text| regex(text, reading)).collect();
    fields.optional_flag("use_time_machine", reading);
    let transform = fields.text("transform", reading);
    if let Some(transform) = &transform {
        reading.warn(transform.at, "`transform` has no effect here: lines are read as they are");
    }
    Some(FileSource { at: fields.at, patterns, excluded, labels, transform })
}

fn labels(fields: &Fields<'_>, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let entries = fields.entries("labels", reading).iter();
    let text = |(key, node): &(Located<String>, Node)| {
        Some((key.value.clone(), reading.text_of(node, &key.value)?.value))
    };
    let mut labels: Vec<_> = entries.filter_map(text).collect();
    labels.sort();
    if !labels.iter().any(|(key, _)| key == "type") && reading.errors.is_empty() {
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

/// `$NAME` and `${NAME}` that the environment knows, replaced; all else as it is.
fn expand(text: &str, environment: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let bare = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let (name, following) =
            braced.unwrap_or_else(|| after.split_at(bare.unwrap_or(after.len())));
        match environment(name).filter(|_| !name.is_empty()) {
            Some(value) => {
                out.push_str(&value);
                rest = following;
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
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
        let file = decode("source: kafka\ntopic: x\n---\njournalctl_filter: [a]\n");
        assert_eq!((file.errors.len(), file.warnings.len()), (0, 2));
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
    }

    #[test]
    fn only_known_variables_are_expanded() {
        let environment = |name: &str| (name == "LOGS").then(|| "/l".to_owned());
        assert_eq!(expand("${LOGS}/a $LOGS/b $X ${Y} $", environment), "/l/a /l/b $X ${Y} $");
    }
}
