//! Patterns of paths: those of Go's `filepath.Glob`, which `acquis.yaml` is written in, and `**` for
//! any number of directories. From the text to a matcher; [`super::discover`] walks with it.
//!
//! `*` and `?` stand for anything but `/`, also for a leading dot; `[a-z]` and `[^a-z]` for one
//! character; `\` takes the next character as it is. A text without these is a plain path.

use std::path::{Component, Path, PathBuf};

use regex::bytes::Regex;

/// A text that is no pattern.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// A bracket or a backslash without its end.
    #[error("pattern {0:?} has a `[` without `]` or ends in a backslash: complete or escape it")]
    Open(String),
    /// Relative paths depend on where the service is started.
    #[error("pattern {0:?} must begin with `/`")]
    Relative(String),
}

/// A regex that no character fits.
const NOTHING: &str = r"[^\x00-\xff]";

/// One part of a path between slashes.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// This name.
    Name(String),
    /// Names that match.
    Like(Regex),
    /// Any number of directories, none too.
    Any,
}

/// A pattern, ready to match.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`].
    pub(super) fn new(text: &str) -> Result<Self, PatternError> {
        if !text.starts_with('/') {
            return Err(PatternError::Relative(text.to_owned()));
        }
        let mut parts = Vec::new();
        for part in text.split('/').filter(|part| !part.is_empty() && *part != ".") {
            parts.push(part_of(part).ok_or_else(|| PatternError::Open(text.to_owned()))?);
        }
        Ok(Self { parts })
    }

    /// The path, if it can be one only.
    pub(super) fn literal(&self) -> Option<PathBuf> {
        let names = self.parts.iter().map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            _ => None,
        });
        let mut path = PathBuf::from("/");
        for name in names {
            path.push(name?);
        }
        Some(path)
    }

    /// The parts in order.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether the path is one of those that are meant.
    pub(super) fn matches(&self, path: &Path) -> bool {
        let names: Vec<&[u8]> = path
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name.as_encoded_bytes()),
                _ => None,
            })
            .collect();
        matches(&self.parts, &names)
    }
}

impl Part {
    /// Whether a name fits.
    pub(super) fn fits(&self, name: &[u8]) -> bool {
        match self {
            Self::Name(text) => text.as_bytes() == name,
            Self::Like(pattern) => pattern.is_match(name),
            Self::Any => true,
        }
    }
}

fn matches(parts: &[Part], names: &[&[u8]]) -> bool {
    match (parts.split_first(), names.split_first()) {
        (None, None) => true,
        (Some((Part::Any, rest)), _) => {
            matches(rest, names)
                || names.split_first().is_some_and(|(_, names)| matches(parts, names))
        }
        (Some((part, rest)), Some((name, names))) => part.fits(name) && matches(rest, names),
        _ => false,
    }
}

/// `None` for what is no pattern.
fn part_of(text: &str) -> Option<Part> {
    if text == "**" {
        return Some(Part::Any);
    }
    let mut name = String::new();
    let mut pattern = String::from("(?s-u)^");
    let mut plain = true;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        plain &= !matches!(char, '*' | '?' | '[');
        match char {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push_str("(?u:.)"),
            '[' => pattern.push_str(&class(&mut chars)?),
            char => {
                let char = if char == '\\' { chars.next()? } else { char };
                name.push(char);
                pattern.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
            }
        }
    }
    if plain {
        return Some(Part::Name(name));
    }
    pattern.push('$');
    Regex::new(&pattern).ok().map(Part::Like)
}

/// What follows a `[`, as a class of the regex.
fn class(chars: &mut std::str::Chars<'_>) -> Option<String> {
    let mut ranges = String::new();
    let mut ahead = chars.clone();
    let negated = ahead.next() == Some('^');
    if negated {
        *chars = ahead;
    }
    let mut count = 0;
    loop {
        let char = chars.next()?;
        if char == ']' && count > 0 {
            return Some(match (negated, ranges.is_empty()) {
                (false, false) => format!("(?u:[{ranges}])"),
                (true, false) => format!("(?u:[^{ranges}])"),
                (true, true) => "(?u:.)".to_owned(),
                (false, true) => NOTHING.to_owned(),
            });
        }
        let low = bound(char, chars)?;
        let mut ahead = chars.clone();
        let high = if ahead.next() == Some('-') {
            *chars = ahead;
            let char = chars.next()?;
            bound(char, chars)?
        } else {
            low
        };
        // Go lets `[z-a]` match nothing.
        if low <= high {
            ranges.push_str(&format!("\\x{{{:x}}}-\\x{{{:x}}}", u32::from(low), u32::from(high)));
        }
        count += 1;
    }
}

/// One end of a range (Go: `getEsc`).
fn bound(char: char, chars: &mut std::str::Chars<'_>) -> Option<char> {
    match char {
        '-' | ']' => None,
        '\\' => chars.next(),
        char => Some(char),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let pattern = Pattern::new(pattern).unwrap();
        for path in yes {
            assert!(pattern.matches(Path::new(path)), "{path}");
        }
        for path in no {
            assert!(!pattern.matches(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        check("/a/*.log", &["/a/x.log", "/a/.log", "/a/.x.log"], &["/a/b/x.log", "/a/x.logs"]);
        check("/a?c", &["/abc", "/aéc"], &["/ac", "/abbc", "/a/c"]);
        check("/[a-c][^0-9]", &["/bx", "/c]"], &["/dx", "/b7", "/b"]);
        check("/[\\]a\\-]x", &["/]x", "/-x", "/ax"], &["/bx", "/\\x"]);
        check("/a\\*b", &["/a*b"], &["/axb"]);
        check("/a{b,c}.(x)", &["/a{b,c}.(x)"], &["/ab.x"]);
        check("/[z-a]", &[], &["/z", "/a", "/m"]);
        check("/v/./x//*", &["/v/x/y"], &["/v/x"]);
    }

    #[test]
    fn two_stars_stand_for_any_directories() {
        check("/a/**/*.log", &["/a/x.log", "/a/b/x.log", "/a/b/c/x.log"], &["/b/x.log", "/a/x"]);
        check("/a/**", &["/a/b", "/a/b/c"], &["/b"]);
        check("/a/x**", &["/a/xy"], &["/a/x/y"]);
    }

    #[test]
    fn a_name_that_is_no_text_matches_too() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/a/\xff.log"));
        assert!(Pattern::new("/a/*.log").unwrap().matches(path));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in ["/[", "/[a", "/[]a]", "/[-]", "/[a-]", "/a\\"] {
            assert!(matches!(Pattern::new(text), Err(PatternError::Open(_))), "{text}");
        }
        assert!(matches!(Pattern::new("a.log"), Err(PatternError::Relative(_))));
    }

    #[test]
    fn a_plain_path_is_known_as_one() {
        assert_eq!(Pattern::new("/a/b.log").unwrap().literal(), Some("/a/b.log".into()));
        assert_eq!(Pattern::new("/a/\\[1].log").unwrap().literal(), Some("/a/[1].log".into()));
        assert_eq!(Pattern::new("/a/*").unwrap().literal(), None);
    }
}
