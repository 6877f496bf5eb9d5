//! The text of a grok pattern: an expression with references `%{NAME}` and `%{NAME:semantic}`.
//!
//! Both words are ASCII letters, digits and `_`. Whatever else follows `%{` is plain text of the
//! expression: `%{INT:port:int}`, `%{DATA:a-b}`. Source: grokky `grok.go` `patternRegexp`.

use std::ops::Range;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'p> {
    /// Expression text.
    Text(&'p str),
    /// `%{name}` or `%{name:semantic}`.
    Reference {
        /// The pattern that stands here.
        name: &'p str,
        /// What its text is called.
        semantic: Option<&'p str>,
    },
}

/// Cuts a pattern into pieces and the bytes they take.
pub(super) fn pieces(pattern: &str) -> Vec<(Piece<'_>, Range<usize>)> {
    let mut pieces = Vec::new();
    let mut text = 0;
    let mut at = 0;
    while let Some(found) = pattern.get(at..).and_then(|rest| rest.find("%{")) {
        let start = at + found;
        let Some((name, semantic, length)) = reference(pattern.get(start..).unwrap_or("")) else {
            at = start + 1;
            continue;
        };
        push_text(pattern, text..start, &mut pieces);
        at = start + length;
        text = at;
        pieces.push((Piece::Reference { name, semantic }, start..at));
    }
    push_text(pattern, text..pattern.len(), &mut pieces);
    pieces
}

fn push_text<'p>(
    pattern: &'p str,
    range: Range<usize>,
    pieces: &mut Vec<(Piece<'p>, Range<usize>)>,
) {
    if !range.is_empty() {
        pieces.push((Piece::Text(pattern.get(range.clone()).unwrap_or("")), range));
    }
}

/// The reference at the head of `rest`: name, semantic, length.
fn reference(rest: &str) -> Option<(&str, Option<&str>, usize)> {
    let (name, after) = word(rest.strip_prefix("%{")?)?;
    let (semantic, after) = match after.strip_prefix(':') {
        None => (None, after),
        Some(after) => {
            let (semantic, after) = word(after)?;
            (Some(semantic), after)
        }
    };
    let after = after.strip_prefix('}')?;
    Some((name, semantic, rest.len() - after.len()))
}

/// The word (`\w+`) at the head of a text, and what follows.
pub(super) fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    if end == 0 { None } else { text.split_at_checked(end) }
}

/// A line of a pattern file: name and pattern. Other lines are comments.
/// Source: grokky `grok.go` `lineRegexp`, `^(\w+)\s+(.+)$`.
pub(super) fn line(line: &str) -> Option<(&str, &str)> {
    let (name, after) = word(line)?;
    let blank = |c: char| matches!(c, ' ' | '\t' | '\x0c' | '\r');
    let body = after.trim_start_matches(blank);
    match (body.len() < after.len(), body.is_empty()) {
        (false, _) => None,
        (true, false) => Some((name, body)),
        // `\s+` leaves its last blank to `.+`.
        (true, true) if after.len() > 1 => Some((name, after.get(after.len() - 1..)?)),
        (true, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ascii_words_make_a_reference() {
        for text in ["%{INT:x:int}", "%{DATA:a-b}", "%{DATA:[x]}", "%{}", "%{é}", "%{A", "%{A:}"] {
            assert_eq!(pieces(text), [(Piece::Text(text), 0..text.len())], "{text}");
        }
    }

    #[test]
    fn references_split_the_text() {
        let found = pieces("a%{X}%{Y:z_1}%%{Z}b");
        let expected = [
            (Piece::Text("a"), 0..1),
            (Piece::Reference { name: "X", semantic: None }, 1..5),
            (Piece::Reference { name: "Y", semantic: Some("z_1") }, 5..13),
            (Piece::Text("%"), 13..14),
            (Piece::Reference { name: "Z", semantic: None }, 14..18),
            (Piece::Text("b"), 18..19),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_is_a_name_and_a_pattern() {
        assert_eq!(line("NAME  a b "), Some(("NAME", "a b ")));
        assert_eq!(line("NAME\tx"), Some(("NAME", "x")));
        for other in ["", "# NAME x", "NAME", " NAME x", "NA-ME x"] {
            assert_eq!(line(other), None, "{other}");
        }
    }
}
