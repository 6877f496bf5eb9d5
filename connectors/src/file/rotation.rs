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

/// So many digits are a whole date: what follows counts the parts of that date.
const DATE_DIGITS: usize = 8;

/// What tells the age of a rotated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Suffix {
    /// A running number.
    Number(u64),
    /// The higher, the younger: a date with the year first, or seconds since 1970, by its numbers.
    Date {
        /// The date itself.
        date: Vec<u64>,
        /// The part of that date.
        number: Option<u64>,
    },
    /// Says nothing: a word, or a date that begins with the day.
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
        Suffix::Number(_) if !middle.starts_with('.') => None,
        Suffix::Word if WORDS.contains(&text) => None,
        suffix => Some(suffix),
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
    (begins && digits >= 6 && text.bytes().all(dated)).then(|| date(text))
}

/// A date by its numbers, so that `.10` follows `.9`.
fn date(text: &str) -> Suffix {
    let groups = text.split(|char: char| !char.is_ascii_digit()).filter(|group| !group.is_empty());
    let groups: Vec<&str> = groups.collect();
    let year_first = groups.first().is_some_and(|first| match first.len() {
        4 | 8 => first.starts_with("19") || first.starts_with("20"),
        length => length >= 6,
    });
    if !year_first {
        return Suffix::Word;
    }
    let before: usize = groups.iter().rev().skip(1).map(|group| group.len()).sum();
    let mut date: Vec<u64> = groups.iter().map(|group| group.parse().unwrap_or(u64::MAX)).collect();
    let number = if before >= DATE_DIGITS { date.pop() } else { None };
    Suffix::Date { date, number }
}

/// How the names of a log's parts tell their age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// All by numbers.
    Numbers,
    /// All by dates.
    Dates,
    /// This and that.
    Mixed,
}

/// The order in which the parts of a log were written, as far as names tell it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    kind: Kind,
    /// Whether the higher number is the younger part (Log4j2, logback) or the older one (logrotate).
    rising: bool,
}

impl Order {
    /// The order of these parts, each a suffix and the time of its last write. Which way their numbers
    /// go is what most of those times say; where they say nothing, what is usual: running numbers
    /// mean that the higher is older, numbers behind a date that it is younger.
    pub(super) fn of<'a>(parts: impl Iterator<Item = (&'a Suffix, i64)>) -> Self {
        let mut parts: Vec<(&Suffix, i64)> = parts.collect();
        let kind = if parts.iter().all(|part| matches!(part.0, Suffix::Number(_))) {
            Kind::Numbers
        } else if parts.iter().all(|part| matches!(part.0, Suffix::Date { .. })) {
            Kind::Dates
        } else {
            Kind::Mixed
        };
        let by_number = Self { kind, rising: true };
        parts.sort_by(|a, b| by_number.compare(*a, *b));
        let pairs = parts.iter().zip(parts.iter().skip(1));
        let (mut rising, mut falling) = (0_usize, 0_usize);
        for (lower, higher) in pairs.filter(|(lower, higher)| differ_by_number(lower.0, higher.0)) {
            match lower.1.cmp(&higher.1) {
                Ordering::Less => rising += 1,
                Ordering::Equal => {}
                Ordering::Greater => falling += 1,
            }
        }
        let usual = kind != Kind::Numbers;
        Self { kind, rising: if rising == falling { usual } else { rising > falling } }
    }

    /// The order in which the part `older` is known to have been written before `younger`.
    pub(super) fn with_known(self, older: &Suffix, younger: &Suffix) -> Self {
        let rising = Self { rising: true, ..self };
        if !differ_by_number(older, younger) {
            return self;
        }
        Self { rising: rising.compare((older, 0), (younger, 0)) == Ordering::Less, ..self }
    }

    /// Compares ages, the older first: by suffix where all of a log's parts have comparable ones, else
    /// by the time of the last write. Each part is (suffix, time).
    pub(super) fn compare(self, a: (&Suffix, i64), b: (&Suffix, i64)) -> Ordering {
        let turned = |ordering: Ordering| if self.rising { ordering } else { ordering.reverse() };
        let by_suffix = match (self.kind, a.0, b.0) {
            (Kind::Numbers, Suffix::Number(a), Suffix::Number(b)) => turned(a.cmp(b)),
            (
                Kind::Dates,
                Suffix::Date { date: a, number: number_a },
                Suffix::Date { date: b, number: number_b },
            ) => a.cmp(b).then_with(|| turned(number_a.cmp(number_b))),
            _ => Ordering::Equal,
        };
        by_suffix.then(a.1.cmp(&b.1))
    }
}

/// Whether the running number is all that tells these parts apart.
fn differ_by_number(a: &Suffix, b: &Suffix) -> bool {
    match (a, b) {
        (Suffix::Number(a), Suffix::Number(b)) => a != b,
        (
            Suffix::Date { date: a, number: Some(number_a) },
            Suffix::Date { date: b, number: Some(number_b) },
        ) => a == b && number_a != number_b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_rotation_gives_are_known() {
        let date = |date: &[u64], number| Some(Suffix::Date { date: date.to_vec(), number });
        for (name, expected) in [
            ("app.log.1", Some(Suffix::Number(1))),
            ("app.log.12.gz", Some(Suffix::Number(12))),
            ("app.log-20261126", date(&[20_261_126], None)),
            ("app.log-20261126.zst", date(&[20_261_126], None)),
            ("app.log.2026-11-26T10:00:00", date(&[2026, 11, 26, 10, 0], Some(0))),
            ("app.log-1795680000.xz", date(&[1_795_680_000], None)),
            ("app.log.2026-11-26", date(&[2026, 11, 26], None)),
            ("app.log.2026-11-26.10", date(&[2026, 11, 26], Some(10))),
            ("app-2026-11-26.9.log", date(&[2026, 11, 26], Some(9))),
            ("app.log.26-11-2026", Some(Suffix::Word)),
            ("app-26-11-2026.log", Some(Suffix::Word)),
            ("app.old.log", None),
            ("app.log.old", Some(Suffix::Word)),
            ("app.1.log", Some(Suffix::Number(1))),
            ("app.1.log.gz", Some(Suffix::Number(1))),
            ("app-20261126.log", date(&[20_261_126], None)),
            ("app-20261126.log.bz2", date(&[20_261_126], None)),
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

    fn sorted(mut names: Vec<(&'static str, i64)>) -> Vec<&'static str> {
        let key = |name: &str| suffix(name, "a").unwrap();
        let suffixes: Vec<(Suffix, i64)> = names.iter().map(|part| (key(part.0), part.1)).collect();
        let order = Order::of(suffixes.iter().map(|part| (&part.0, part.1)));
        names.sort_by(|a, b| order.compare((&key(a.0), a.1), (&key(b.0), b.1)));
        names.into_iter().map(|part| part.0).collect()
    }

    #[test]
    fn higher_numbers_and_lower_dates_are_older() {
        assert_eq!(sorted(vec![("a.1", 0), ("a.10", 0), ("a.2.gz", 9)]), ["a.10", "a.2.gz", "a.1"]);
        assert_eq!(
            sorted(vec![("a-20261202", 0), ("a-20261130", 9)]),
            ["a-20261130", "a-20261202"]
        );
        assert_eq!(sorted(vec![("a.1", 2), ("a.old", 1)]), ["a.old", "a.1"]);
    }

    #[test]
    fn times_say_which_way_numbers_go() {
        assert_eq!(sorted(vec![("a.10", 3), ("a.9", 2), ("a.1", 1)]), ["a.1", "a.9", "a.10"]);
        let logback = vec![("a.2026-11-28.10", 5), ("a.2026-11-28.9", 4), ("a.2026-11-27.11", 3)];
        assert_eq!(sorted(logback), ["a.2026-11-27.11", "a.2026-11-28.9", "a.2026-11-28.10"]);
        let falling = vec![("a.2026-11-28.1", 5), ("a.2026-11-28.2", 4), ("a.2026-11-27.1", 3)];
        assert_eq!(sorted(falling), ["a.2026-11-27.1", "a.2026-11-28.2", "a.2026-11-28.1"]);
        assert_eq!(sorted(vec![("a.01-12-2026", 2), ("a.30-11-2026", 1)])[0], "a.30-11-2026");
    }

    #[test]
    fn what_is_known_of_two_parts_goes_before_times() {
        let [first, second] = [Suffix::Number(1), Suffix::Number(2)];
        // The older one was written to for a while after its rotation.
        let order = Order::of([(&first, 1), (&second, 2)].into_iter()).with_known(&second, &first);
        assert_eq!(order.compare((&second, 2), (&first, 1)), Ordering::Less);
        let rising = order.with_known(&first, &second);
        assert_eq!(rising.compare((&second, 2), (&first, 1)), Ordering::Greater);
    }
}
