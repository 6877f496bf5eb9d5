//! A YAML file as a tree of values that know their place. What is wrong in the text is collected
//! with its place; what was read before it is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::position::{Located, Position, RuleError};
use super::scalar::{self, Resolved};
use super::source::Source;

/// Most values of a file, after aliases have been replaced by what they stand for.
pub const MAX_NODES: usize = 200_000;
/// Deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 100;

/// A value.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it starts.
    pub at: Position,
    /// What it is.
    pub content: Content,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A text, number, boolean or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file, merge keys resolved, no key twice.
    Map(Vec<(Located<String>, Node)>),
}

/// A scalar as written.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The text after quotes and folding.
    pub text: String,
    /// Whether it stood without quotes, so that it may mean a number, boolean or nothing.
    pub plain: bool,
    /// Explicit type of YAML's core (`str` of `!!str`), or a whole foreign tag.
    pub tag: Option<String>,
}

impl Scalar {
    /// What it means.
    pub fn resolved(&self) -> Resolved {
        match self.tag.as_deref() {
            Some("int" | "float" | "bool" | "null") => scalar::resolve(&self.text),
            None if self.plain => scalar::resolve(&self.text),
            _ => Resolved::Text,
        }
    }
}

impl Node {
    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
            Content::Scalar(scalar) => match scalar.resolved() {
                Resolved::Null => "nothing",
                Resolved::Bool(_) => "a boolean",
                Resolved::Int(_) => "a whole number",
                Resolved::Float(_) => "a number",
                Resolved::Text => "a text",
            },
        }
    }

    /// Whether it is nothing (`key:` without a value, `~`, `null`).
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar) if scalar.resolved() == Resolved::Null)
    }

    /// The value of a key, where this is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Self> {
        let Content::Map(entries) = &self.content else { return None };
        entries.iter().find(|(name, _)| name.value == key).map(|(_, value)| value)
    }

    /// A scalar's text as go-yaml puts it into a string field: numbers and booleans as written,
    /// nothing as "".
    pub fn located_text(&self) -> Option<Located<String>> {
        let Content::Scalar(scalar) = &self.content else { return None };
        let text = if self.is_null() { String::new() } else { scalar.text.clone() };
        Some(Located::new(text, self.at))
    }

    fn size(&self) -> usize {
        match &self.content {
            Content::Scalar(_) => 1,
            Content::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Content::Map(entries) => {
                1 + entries.iter().map(|(_, value)| 1 + value.size()).sum::<usize>()
            }
        }
    }

    fn depth(&self) -> usize {
        match &self.content {
            Content::Scalar(_) => 0,
            Content::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Content::Map(entries) => {
                1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0)
            }
        }
    }
}

/// All documents of a file.
#[derive(Debug, Default)]
pub struct Documents {
    /// One per document, empty ones left out.
    pub nodes: Vec<Node>,
    /// What is wrong with the text.
    pub errors: Vec<RuleError>,
}

/// So many tabs behind a colon are made spaces: each means that the file is read once more.
const TABS: usize = 100;

/// Reads a whole file.
pub fn parse(source: &Source) -> Documents {
    if let Some(error) = control_character(source) {
        return Documents { nodes: Vec::new(), errors: vec![error] };
    }
    // The scanner wants a space where YAML and go-yaml take a tab as well.
    let mut text = Cow::Borrowed(source.text());
    for _ in 0..TABS {
        match read(source, &text) {
            Ok(documents) => return documents,
            Err(tab) => text.to_mut().replace_range(tab..=tab, " "),
        }
    }
    let message = format!("more than {TABS} tabs behind a colon");
    let error = source.error(source.position(1, 1), message);
    Documents { nodes: Vec::new(), errors: vec![error.with_help("write a space there")] }
}

/// Reads a file whose text is that of `source`, or as long.
///
/// # Errors
/// The place of a tab that the scanner does not take. Unit: bytes.
fn read(source: &Source, text: &str) -> Result<Documents, usize> {
    let mut builder = Builder::new(source);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let step = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => {
                let marker = error.marker();
                if let Some(tab) = tab_behind_colon(text, marker.line(), marker.col()) {
                    return Err(tab);
                }
                let at = source.position(marker.line(), marker.col() + 1);
                Err(syntax_error(source, at, error.info()))
            }
        };
        if let Err(error) = step {
            builder.out.errors.push(error);
            break;
        }
    }
    Ok(builder.out)
}

/// The tab behind a colon, where nothing but tabs stands between it and this place: line from 1,
/// column in characters from 0. Unit of the result: bytes.
fn tab_behind_colon(text: &str, line: usize, column: usize) -> Option<usize> {
    let before = text.split_inclusive('\n').take(line.checked_sub(1)?);
    let start: usize = before.map(str::len).sum();
    let line = text.get(start..)?;
    let end = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let head = line.get(..end)?;
    let tab = head.trim_end_matches('\t').len();
    (tab < end && head.get(..tab)?.ends_with(':')).then_some(start + tab)
}

/// YAML allows none but tab and line ends; a NUL would end the scanner's input silently.
fn control_character(source: &Source) -> Option<RuleError> {
    let found = source.text().char_indices().find(|(_, c)| {
        (c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r'))
            || ('\u{80}'..='\u{9f}').contains(c) && *c != '\u{85}'
    });
    found.map(|(byte, c)| {
        let at = source.position_of_byte(byte);
        source.error(at, format!("control character U+{:04X} in YAML", u32::from(c)))
    })
}

fn syntax_error(source: &Source, at: Position, info: &str) -> RuleError {
    let error = source.error(at, format!("this is not YAML: {info}"));
    let indent = error.excerpt.len() - error.excerpt.trim_start().len();
    let line = (at.line as usize).checked_sub(1).and_then(|n| source.text().lines().nth(n));
    let tab = line.is_some_and(|line| line.get(..indent).is_some_and(|i| i.contains('\t')));
    if tab {
        return error.with_help("YAML is indented by spaces, not tabs");
    }
    if info.contains("mapping values are not allowed") {
        return error.with_help("put a text that contains `: ` in quotes");
    }
    error
}

enum Open {
    List { at: Position, anchor: usize, items: Vec<Node> },
    Map { at: Position, anchor: usize, entries: Vec<(Node, Node)>, key: Option<Node> },
}

struct Builder<'a> {
    source: &'a Source,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    /// Place of the event before.
    last: Position,
    out: Documents,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            source,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            last: Position::default(),
            out: Documents::default(),
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), RuleError> {
        let at = self.source.position_after(self.last, span.start.line(), span.start.col() + 1);
        self.last = at;
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                    tag: tag.map(|tag| tag_name(&tag)),
                };
                self.close(anchor, Node { at, content: Content::Scalar(scalar) })?;
            }
            Event::SequenceStart(anchor, _) => {
                self.enter(at, Open::List { at, anchor, items: Vec::new() })?;
            }
            Event::MappingStart(anchor, _) => {
                self.enter(at, Open::Map { at, anchor, entries: Vec::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { at, anchor, items }) => {
                    self.close(anchor, Node { at, content: Content::List(items) })?;
                }
                Some(Open::Map { at, anchor, entries, .. }) => {
                    let entries = self.keys(entries);
                    self.close(anchor, Node { at, content: Content::Map(entries) })?;
                }
                None => {}
            },
            Event::Alias(anchor) => self.alias(at, anchor)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn enter(&mut self, at: Position, open: Open) -> Result<(), RuleError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.source.error(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.open.push(open);
        Ok(())
    }

    fn alias(&mut self, at: Position, anchor: usize) -> Result<(), RuleError> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(self.source.error(at, "this alias stands inside its own anchor"));
        };
        self.nodes += node.size();
        if self.open.len() + node.depth() > MAX_DEPTH {
            return Err(self.source.error(at, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.bounded(at)?;
        // The original's place is kept: there the text is written.
        let node = node.clone();
        self.close(0, node)
    }

    fn bounded(&self, at: Position) -> Result<(), RuleError> {
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let error = self.source.error(at, format!("more than {MAX_NODES} values in one file"));
        Err(error.with_help("aliases count as often as they are used"))
    }

    fn close(&mut self, anchor: usize, node: Node) -> Result<(), RuleError> {
        self.nodes += 1;
        self.bounded(node.at)?;
        if anchor > 0 {
            self.nodes += node.size();
            self.bounded(node.at)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
            None if node.is_null() => {}
            None => self.out.nodes.push(node),
        }
        Ok(())
    }

    /// Texts as keys, no key twice, `<<` resolved: what the map itself says wins.
    fn keys(&mut self, written: Vec<(Node, Node)>) -> Vec<(Located<String>, Node)> {
        let mut entries: Vec<(Located<String>, Node)> = Vec::with_capacity(written.len());
        let mut seen: BTreeMap<String, Position> = BTreeMap::new();
        let mut merged = Vec::new();
        for (key, value) in written {
            let Content::Scalar(scalar) = &key.content else {
                self.refuse(key.at, "a key must be a text");
                continue;
            };
            if scalar.plain && scalar.text == "<<" {
                self.merge(value, &mut merged);
                continue;
            }
            let text = scalar.text.clone();
            if let Some(first) = seen.get(&text) {
                let line = first.line;
                self.refuse(key.at, format!("key `{text}` is given twice (first in line {line})"));
                continue;
            }
            seen.insert(text.clone(), key.at);
            entries.push((Located::new(text, key.at), value));
        }
        for (key, value) in merged {
            if !seen.contains_key(&key.value) {
                seen.insert(key.value.clone(), key.at);
                entries.push((key, value));
            }
        }
        entries
    }

    fn merge(&mut self, value: Node, into: &mut Vec<(Located<String>, Node)>) {
        match value.content {
            Content::Map(entries) => into.extend(entries),
            Content::List(items) => {
                for item in items {
                    match item.content {
                        Content::Map(entries) => into.extend(entries),
                        _ => self.refuse(item.at, "`<<` takes maps only"),
                    }
                }
            }
            Content::Scalar(_) => self.refuse(value.at, "`<<` takes a map or a list of maps"),
        }
    }

    fn refuse(&mut self, at: Position, message: impl Into<String>) {
        self.out.errors.push(self.source.error(at, message));
    }
}

fn tag_name(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() { tag.suffix.clone() } else { tag.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Documents {
        parse(&Source::new("t.yaml", text))
    }

    #[track_caller]
    fn refused(text: &str, line: u32, column: u32, message: &str) {
        let errors = read(text).errors;
        let error = errors.first().expect("an error");
        assert!(error.message.contains(message), "{error}");
        assert_eq!((error.line, error.column), (line, column), "{error}");
    }

    #[test]
    fn documents_are_told_apart_and_empty_ones_dropped() {
        let documents = read("a: 1\n---\n---\nb: 2\n---\n# nothing\n");
        assert_eq!(documents.nodes.len(), 2);
        assert!(documents.errors.is_empty());
        let b = documents.nodes[1].entry("b").unwrap();
        assert_eq!((b.at.line, b.at.column), (4, 4));
    }

    #[test]
    fn places_count_characters_in_flow_lists_too() {
        let documents = read("a: [é, ü, 'x', b]\n");
        let Content::List(items) = &documents.nodes[0].entry("a").unwrap().content else {
            panic!("a list")
        };
        let columns: Vec<_> = items.iter().map(|item| item.at.column).collect();
        assert_eq!(columns, [5, 8, 11, 16]);
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        refused("a: 1\nb: 2\na: 3\n", 3, 1, "key `a` is given twice (first in line 1)");
    }

    #[test]
    fn merge_keys_fill_in_what_is_not_said() {
        let documents = read("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n");
        assert!(documents.errors.is_empty(), "{:?}", documents.errors);
        let y = documents.nodes[0].entry("y").unwrap();
        assert_eq!(y.entry("a").unwrap().located_text().unwrap().value, "1");
        assert_eq!(y.entry("b").unwrap().located_text().unwrap().value, "3");
    }

    #[test]
    fn what_is_not_yaml_is_refused_at_its_place() {
        refused("a: b: c\n", 1, 5, "mapping values");
        refused("a: \u{0}b\n", 1, 4, "U+0000");
        refused("a: [1, 2\n", 2, 1, "not YAML");
        assert!(!read("a:\n\t- b\n").errors.is_empty());
    }

    #[test]
    fn documents_before_a_broken_one_are_kept() {
        let documents = read("a: 1\n---\nb: [\n");
        assert_eq!((documents.nodes.len(), documents.errors.len()), (1, 1));
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let last = level - 1;
            let list = vec![format!("*a{last}"); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        let errors = read(&text).errors;
        assert!(errors[0].message.contains("more than 200000 values"), "{}", errors[0]);
    }

    #[test]
    fn one_long_line_is_read_in_one_go() {
        let items: String = (0..100_000).map(|_| "é, ").collect();
        let documents = read(&format!("[{items}x]"));
        let Content::List(items) = &documents.nodes[0].content else { panic!("a list") };
        assert_eq!(
            items.last().map(|item| (item.at.column, item.at.byte)),
            Some((300_002, 400_001))
        );
    }

    #[test]
    fn endless_nesting_is_refused() {
        refused(&"[".repeat(200), 1, 101, "nested deeper");
        refused(&"[".repeat(300), 1, 256, "recursion limit");
        let block: String = (0..5000).map(|n| format!("{}- \n", " ".repeat(n))).collect();
        assert!(!read(&block).errors.is_empty());
        refused("a: &a [*a]\n", 1, 8, "inside its own anchor");
    }

    #[test]
    fn a_tab_behind_a_colon_is_a_space() {
        let source = Source::new("x.yaml", "a:\tb\nc:\t\td e\nf: 'g:\th'\nä: ö:\nx");
        let documents = parse(&source);
        assert_eq!(documents.errors.len(), 1);
        assert_eq!(documents.errors[0].line, 4, "{:?}", documents.errors);
        let source = Source::new("x.yaml", "a:\tb\nc:\t\td e\nf: 'g:\th'\n");
        let documents = parse(&source);
        assert!(documents.errors.is_empty(), "{:?}", documents.errors);
        let text = |key| documents.nodes[0].entry(key).unwrap().located_text().unwrap().value;
        assert_eq!([text("a"), text("c"), text("f")], ["b", "d e", "g:\th"]);
        let many = "- a:\tb\n".repeat(TABS + 1);
        assert!(parse(&Source::new("x.yaml", &many)).errors[0].message.contains("tabs behind"));
    }
}
