//! The text of one rule file: turns places in values into places in the file.

use std::sync::Arc;

use super::position::{Located, Position, RuleError};

/// Longer lines are shown in part. Unit: characters.
const EXCERPT: usize = 160;
/// How much of a long line stands before the caret. Unit: characters.
const BEFORE_CARET: usize = 60;

/// A rule file in memory.
#[derive(Debug)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    line_starts: Vec<usize>,
    unset: Vec<String>,
}

impl Source {
    /// A file called `name` (a path, for messages) with this text. A byte order mark is dropped.
    pub fn new(name: impl Into<Arc<str>>, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let bytes = text.as_bytes();
        let mut line_starts = vec![0];
        for (index, byte) in bytes.iter().enumerate() {
            let lone_return = *byte == b'\r' && bytes.get(index + 1) != Some(&b'\n');
            if *byte == b'\n' || lone_return {
                line_starts.push(index + 1);
            }
        }
        Self { name: name.into(), text: text.into(), line_starts, unset: Vec::new() }
    }

    /// The same, in whose text these references to variables stand that nobody has set, as written.
    #[must_use]
    pub fn with_unset(self, unset: Vec<String>) -> Self {
        Self { unset, ..self }
    }

    /// References to variables that nobody has set, as written: `${NAME}`, `$NAME`.
    pub fn unset(&self) -> &[String] {
        &self.unset
    }

    /// The name it was loaded by.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place of a line (from 1) and a column (from 1, characters).
    pub fn position(&self, line: usize, column: usize) -> Position {
        self.position_after(Position::default(), line, column)
    }

    /// Like [`Source::position`], counted from an earlier place where that is on the same line:
    /// a file of one long line is not walked through for each of its values.
    pub(super) fn position_after(&self, earlier: Position, line: usize, column: usize) -> Position {
        let same = earlier.line as usize == line && earlier.column as usize <= column;
        let (start, skipped) = if same {
            (earlier.byte as usize, column - earlier.column as usize)
        } else {
            let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index));
            (start.copied().unwrap_or(self.text.len()), column.saturating_sub(1))
        };
        let rest = self.text.get(start..).unwrap_or("");
        let bytes = rest.char_indices().nth(skipped).map_or(rest.len(), |(index, _)| index);
        Position { line: narrow(line), column: narrow(column), byte: narrow(start + bytes) }
    }

    /// The place of a byte; inside a character that of the character.
    pub fn position_of_byte(&self, byte: usize) -> Position {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.line_starts.partition_point(|start| *start <= byte).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..byte).map_or(0, |before| before.chars().count()) + 1;
        Position { line: narrow(line), column: narrow(column), byte: narrow(byte) }
    }

    /// Where byte `offset` of a scalar's value is written.
    pub fn position_within(&self, value: &Located<String>, offset: usize) -> Position {
        let start = value.at.byte as usize;
        self.position_of_byte(super::offset::in_source(&self.text, start, &value.value, offset))
    }

    /// An error at a place.
    pub fn error(&self, at: Position, message: impl Into<String>) -> RuleError {
        let (excerpt, caret) = self.excerpt(at);
        RuleError {
            file: Arc::clone(&self.name),
            line: at.line,
            column: at.column,
            message: message.into(),
            excerpt,
            caret,
            width: 1,
            help: None,
        }
    }

    /// An error at byte `offset` of a scalar's value, such as an expression.
    pub fn error_within(
        &self,
        value: &Located<String>,
        offset: usize,
        message: impl Into<String>,
    ) -> RuleError {
        self.error(self.position_within(value, offset), message)
    }

    /// The line around a place and where in it the place is. Work is bounded by the excerpt.
    fn excerpt(&self, at: Position) -> (String, usize) {
        let index = (at.line as usize).saturating_sub(1);
        let start = self.line_starts.get(index).copied().unwrap_or(self.text.len());
        let end = self.line_starts.get(index + 1).copied().unwrap_or(self.text.len());
        let line = self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r']);
        let split = (at.byte as usize).saturating_sub(start).min(line.len());
        let (before, after) = line.split_at_checked(split).unwrap_or((line, ""));
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let whole = before.len() <= BEFORE_CARET || line.chars().nth(EXCERPT).is_none();
        let kept = if whole { before.len() } else { BEFORE_CARET };
        let mut shown: Vec<char> = before.chars().rev().take(kept).map(clean).collect();
        if !whole {
            shown.push('…');
        }
        shown.reverse();
        let caret = shown.len();
        let room = if whole { EXCERPT.saturating_sub(caret) } else { EXCERPT - BEFORE_CARET };
        shown.extend(after.chars().take(room).map(clean));
        if after.chars().nth(room).is_some() {
            shown.push('…');
        }
        (shown.into_iter().collect(), caret)
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source::new("x.yaml", "é: 1\nname: ü\n");
        let at = source.position(2, 7);
        assert_eq!(at, Position { line: 2, column: 7, byte: 12 });
        assert_eq!(source.position_of_byte(12), at);
    }

    #[test]
    fn a_long_line_is_shown_around_its_caret() {
        let text = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let source = Source::new("x.yaml", &text);
        let error = source.error(source.position_of_byte(500), "here");
        assert!(error.excerpt.starts_with('…') && error.excerpt.ends_with('…'));
        assert_eq!(error.excerpt.chars().nth(error.caret), Some('X'));
        assert!(error.excerpt.chars().count() <= EXCERPT + 2);
    }

    #[test]
    fn a_short_line_is_shown_whole() {
        let text = format!("a: 1\n{}X\n", "é".repeat(100));
        let source = Source::new("x.yaml", &text);
        let error = source.error(source.position(2, 101), "here");
        assert_eq!((error.excerpt.chars().count(), error.caret), (101, 100));
    }

    #[test]
    fn a_place_after_the_end_is_not_a_crash() {
        let source = Source::new("x.yaml", "a: 1");
        let error = source.error(source.position(9, 9), "gone");
        assert_eq!((error.excerpt.as_str(), error.caret), ("", 0));
        assert_eq!(source.position_of_byte(400).byte, 4);
    }
}
