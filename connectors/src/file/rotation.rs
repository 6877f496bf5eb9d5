//! Names of rotated files: which file of a directory is an older part of which log, and in what
//! order they were written. Pure arithmetic on names; [`super::past`] looks at the disk.
//!
//! Of `app.log` these are older parts: `app.log.1`, `app.log-20261126`, `app.log.2026-11-26.3`,
//! `app.log.old`, `app.1.log`, `app-20261126.log`, and all of them with `.gz`, `.zst`, `.bz2`, `.xz`.

use std::cmp::Ordering;

/// Endings of archives that rotation makes.
const PACKED: [&str; 4] = [".gz", ".zst", ".bz2", ".xz"];
/// Suffixes that are words.
const WORDS: [&str; 3] = ["old", "bak", "prev"];

/// What tells the age of a rotated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Suffix {
    /// The higher, the older.
    Number(u64),
    /// The higher, the younger: a date, or seconds since 1970.
    Date(String),
    /// Says nothing.
    Word,
}

/// The name without the ending of an archive, and whether there was one.
pub(super) fn unpacked(name: &str) -> (&str, bool) {
    let stripped = PACKED.iter().find_map(|ending| name.strip_suffix(ending));
    stripped.map_or((name, false), |name| (name, true))
}

/// What `name` says of its age, if it is an older part of the log called `log`.
pub(super) fn suffix(name: &str, log: &str) -> Option<Suffix> {
    let (name, _) = unpacked(name);
    if let Some(rest) = name.strip_prefix(log)
        && let Some(text) = rest.strip_prefix(SEPARATORS)
    {
        return parse(text);
    }
    let dot = log.rfind('.').filter(|dot| *dot > 0)?;
    let (stem, ending) = log.split_at_checked(dot)?;
    let middle = name.strip_prefix(stem)?.strip_suffix(ending)?;
    let text = middle.strip_prefix(SEPARATORS)?;
    match parse(text)? {
        Suffix::Number(number) if middle.starts_with('.') => Some(Suffix::Number(number)),
        Suffix::Date(date) => Some(Suffix::Date(date)),
        _ => None,
    }
}

/// The logs that `name` may be an older part of.
pub(super) fn logs(name: &str) -> Vec<String> {
    let (name, _) = unpacked(name);
    let mut logs = Vec::new();
    for (at, _) in name.match_indices(SEPARATORS) {
        let (log, rest) = (name.get(..at).unwrap_or_default(), name.get(at..).unwrap_or_default());
        logs.push(log.to_owned());
        if let Some(dot) = rest.rfind('.').filter(|dot| *dot > 0) {
            logs.push(format!("{log}{}", rest.get(dot..).unwrap_or_default()));
        }
    }
    logs.retain(|log| !log.is_empty() && suffix(name, log).is_some());
    logs
}

const SEPARATORS: [char; 3] = ['.', '-', '_'];

fn parse(text: &str) -> Option<Suffix> {
    if WORDS.contains(&text) {
        return Some(Suffix::Word);
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits == text.len() && (1..=5).contains(&digits) {
        return text.parse().ok().map(Suffix::Number);
    }
    let dated = |byte: u8| byte.is_ascii_digit() || b"-_.:T+Z".contains(&byte);
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    (begins && digits >= 6 && text.bytes().all(dated)).then(|| Suffix::Date(text.to_owned()))
}

/// Compares ages, the older first: by suffix where `all` of a log's parts have comparable ones, else
/// by the time of the last write. Each part is (suffix, time).
pub(super) fn older(kind: Kind, a: (&Suffix, i64), b: (&Suffix, i64)) -> Ordering {
    let by_suffix = match (kind, a.0, b.0) {
        (Kind::Numbers, Suffix::Number(a), Suffix::Number(b)) => b.cmp(a),
        (Kind::Dates, Suffix::Date(a), Suffix::Date(b)) => a.cmp(b),
        _ => Ordering::Equal,
    };
    by_suffix.then(a.1.cmp(&b.1))
}

/// How the parts of a log are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// All by numbers.
    Numbers,
    /// All by dates.
    Dates,
    /// This and that.
    Mixed,
}

impl Kind {
    /// The kind that covers all of these.
    pub(super) fn of<'a>(mut suffixes: impl Iterator<Item = &'a Suffix> + Clone) -> Self {
        if suffixes.clone().all(|suffix| matches!(suffix, Suffix::Number(_))) {
            Self::Numbers
        } else if suffixes.all(|suffix| matches!(suffix, Suffix::Date(_))) {
            Self::Dates
        } else {
            Self::Mixed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_rotation_gives_are_known() {
        let date = |text: &str| Some(Suffix::Date(text.to_owned()));
        for (name, expected) in [
            ("app.log.1", Some(Suffix::Number(1))),
            ("app.log.12.gz", Some(Suffix::Number(12))),
            ("app.log-20261126", date("20261126")),
            ("app.log-20261126.zst", date("20261126")),
            ("app.log.2026-11-26T10:00:00", date("2026-11-26T10:00:00")),
            ("app.log-1795680000.xz", date("1795680000")),
            ("app.log.old", Some(Suffix::Word)),
            ("app.1.log", Some(Suffix::Number(1))),
            ("app.1.log.gz", Some(Suffix::Number(1))),
            ("app-20261126.log", date("20261126")),
            ("app-20261126.log.bz2", date("20261126")),
            ("app-1.log", None),
            ("app.log", None),
            ("app.log.gz", None),
            ("app.log.error", None),
            ("app.error.log", None),
            ("application.log.1", None),
        ] {
            assert_eq!(suffix(name, "app.log"), expected, "{name}");
        }
        assert_eq!(suffix("syslog.1", "syslog"), Some(Suffix::Number(1)));
        assert_eq!(suffix("syslog-ng.log", "syslog"), None);
    }

    #[test]
    fn a_rotated_name_leads_back_to_its_log() {
        for (name, log) in [
            ("app.log.1", "app.log"),
            ("app.log-2026-11-26.gz", "app.log"),
            ("app-2026-11-26.log", "app.log"),
            ("app.1.log.gz", "app.log"),
            ("syslog.7.gz", "syslog"),
        ] {
            assert!(logs(name).contains(&log.to_owned()), "{name}: {:?}", logs(name));
        }
        assert!(logs("app.log").is_empty());
        assert!(logs("app-1.log").is_empty());
    }

    #[test]
    fn higher_numbers_and_lower_dates_are_older() {
        let sorted = |mut names: Vec<(&'static str, i64)>| {
            let key = |name: &str| suffix(name, "a").unwrap();
            let suffixes: Vec<Suffix> = names.iter().map(|part| key(part.0)).collect();
            let kind = Kind::of(suffixes.iter());
            names.sort_by(|a, b| older(kind, (&key(a.0), a.1), (&key(b.0), b.1)));
            names.into_iter().map(|part| part.0).collect::<Vec<_>>()
        };
        assert_eq!(sorted(vec![("a.1", 0), ("a.10", 0), ("a.2.gz", 9)]), ["a.10", "a.2.gz", "a.1"]);
        assert_eq!(
            sorted(vec![("a-20261202", 0), ("a-20261130", 9)]),
            ["a-20261130", "a-20261202"]
        );
        assert_eq!(sorted(vec![("a.1", 2), ("a.old", 1)]), ["a.old", "a.1"]);
    }
}
