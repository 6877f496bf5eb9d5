//! From a byte of a scalar's value to the byte of the file that wrote it.
//!
//! Folding, quoting and indentation change white space only (and spell a character out), so the
//! n-th character of the value that is not white space is the n-th such character of the YAML.

/// How a scalar is written, as its first character tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Block,
}

/// The byte of `text` that wrote byte `offset` of `value`, a scalar whose YAML starts at `start`.
///
/// Exact for what is not white space; a blank is counted from the character before it. An offset
/// past the value is the place after its last character.
pub(super) fn in_source(text: &str, start: usize, value: &str, offset: usize) -> usize {
    let yaml = text.get(start..).unwrap_or("");
    let style = match yaml.chars().next() {
        Some('\'') => Style::Single,
        Some('"') => Style::Double,
        Some('|' | '>') => Style::Block,
        _ => Style::Plain,
    };
    let body = match style {
        Style::Plain => 0,
        Style::Single | Style::Double => 1,
        Style::Block => yaml.find('\n').map_or(yaml.len(), |index| index + 1),
    };
    let mut offset = offset.min(value.len());
    while !value.is_char_boundary(offset) {
        offset -= 1;
    }
    let (before, rest) = value.split_at(offset);
    let solid = before.chars().filter(|c| !c.is_whitespace()).count();
    let on_solid = rest.chars().next().is_some_and(|c| !c.is_whitespace());
    let mut walk = Walk { yaml, at: body, style };
    if on_solid {
        for _ in 0..solid {
            walk.solid();
        }
        walk.blanks();
        return start + walk.at;
    }
    for _ in 0..solid {
        walk.solid();
    }
    let trailing = before.len() - before.trim_end().len();
    let line = yaml.get(walk.at..).unwrap_or("");
    let available = line.len() - line.trim_start_matches([' ', '\t']).len();
    start + walk.at + trailing.min(available)
}

struct Walk<'a> {
    yaml: &'a str,
    at: usize,
    style: Style,
}

impl Walk<'_> {
    fn peek(&self) -> Option<char> {
        self.yaml.get(self.at..).and_then(|rest| rest.chars().next())
    }

    /// Passes white space and, in double quotes, the escapes that mean it.
    fn blanks(&mut self) {
        while let Some(c) = self.peek() {
            if c.is_whitespace() {
                self.at += c.len_utf8();
            } else if self.style == Style::Double && c == '\\' {
                let escaped = self.yaml.get(self.at + 1..).and_then(|rest| rest.chars().next());
                match escaped {
                    Some('n' | 't' | 'r' | ' ' | '\t' | '\n' | '\r' | 'v' | 'f' | '_' | 'N') => {
                        self.at += 2;
                    }
                    _ => return,
                }
            } else {
                return;
            }
        }
    }

    /// Passes one character that is not white space, and the white space before it.
    fn solid(&mut self) {
        self.blanks();
        let Some(c) = self.peek() else { return };
        self.at += c.len_utf8();
        if self.style == Style::Single && c == '\'' {
            self.at += 1;
        }
        if self.style == Style::Double && c == '\\' {
            let escaped = self.peek();
            let digits = match escaped {
                Some('x') => 2,
                Some('u') => 4,
                Some('U') => 8,
                _ => 0,
            };
            self.at += escaped.map_or(0, char::len_utf8) + digits;
        }
        self.at = self.at.min(self.yaml.len());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use crate::yaml::Source;

    /// Every solid character of the value at key `k` is found where the file has it.
    #[track_caller]
    fn check(text: &str, needle: &str, line: u32, column: u32) {
        let source = Source::new("t.yaml", text);
        let documents = tree::parse(&source);
        assert!(documents.errors.is_empty(), "{:?}", documents.errors);
        let value = documents.nodes[0].entry("k").expect("key k").located_text().expect("text");
        let offset = value.value.find(needle).expect("needle in value");
        let at = source.position_within(&value, offset);
        assert_eq!((at.line, at.column), (line, column), "{value:?}");
    }

    #[test]
    fn plain_and_quoted_lines_are_exact() {
        check("k: evt.Meta.x == 1\n", "==", 1, 15);
        check("k: 'it''s ok'\n", "ok", 1, 11);
        check("k: \"a \\\"b\\\" c\"\n", "c", 1, 13);
        check("k: \"\\u00e9\\n x\"\n", "x", 1, 14);
    }

    #[test]
    fn folded_lines_are_found_on_their_own_line() {
        check("k: one\n  two three\n", "three", 2, 7);
        check("k: 'one\n  two ''q'' three'\n", "three", 2, 13);
        check("k: \"one\n  two\n\n  three\"\n", "three", 4, 3);
        check("k: \"one \\\n   two\"\n", "two", 2, 4);
    }

    #[test]
    fn blocks_are_found_on_their_own_line() {
        check("k: |\n  one\n    two\n  three\n", "three", 4, 3);
        check("k: |\n  one\n    two\n  three\n", "two", 3, 5);
        check("k: >- # why\n  one\n  two\n\n  three\n", "three", 5, 3);
        check("a: 1\nk: >\n   one\n   two\n", "two", 4, 4);
    }

    #[test]
    fn the_end_of_a_value_is_after_its_last_character() {
        let source = Source::new("t.yaml", "k: 'ab '\n");
        let value = tree::parse(&source).nodes[0].entry("k").unwrap().located_text().unwrap();
        assert_eq!(source.position_within(&value, 3).column, 8);
        assert_eq!(source.position_within(&value, 99).column, 8);
    }
}
