//! Strict decoding of a map by hand: a key that nobody knows and a value of the wrong kind are
//! errors with their place, and all of them are collected. What go-yaml v2 lets pass, passes.

use super::nearest::suggestion;
use super::position::{Located, Position, RuleError};
use super::scalar::Resolved;
use super::source::Source;
use super::tree::{Content, Node};
use crate::time::GoDuration;

/// Decoding of one file: collects what is wrong.
#[derive(Debug)]
pub struct Reading<'a> {
    /// The file.
    pub source: &'a Source,
    /// What makes the file unusable.
    pub errors: Vec<RuleError>,
    /// What works, but not as its author thinks.
    pub warnings: Vec<RuleError>,
}

impl<'a> Reading<'a> {
    /// Starts with nothing wrong.
    pub const fn new(source: &'a Source) -> Self {
        Self { source, errors: Vec::new(), warnings: Vec::new() }
    }

    /// Notes an error.
    pub fn refuse(&mut self, at: Position, message: impl Into<String>) {
        self.errors.push(self.source.error(at, message));
    }

    /// Notes an error and what to do.
    pub fn refuse_with(
        &mut self,
        at: Position,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.errors.push(self.source.error(at, message).with_help(help));
    }

    /// Notes a warning.
    pub fn warn(&mut self, at: Position, message: impl Into<String>) {
        self.warnings.push(self.source.error(at, message));
    }

    /// A scalar as text ("" for nothing), or an error that calls it `what`.
    pub fn text_of(&mut self, node: &Node, what: &str) -> Option<Located<String>> {
        let text = node.located_text();
        if text.is_none() {
            self.refuse(node.at, format!("`{what}` must be a text, this is {}", node.kind()));
        }
        text
    }
}

/// The entries of a map whose keys are known.
#[derive(Debug)]
pub struct Fields<'n> {
    /// Where the map starts.
    pub at: Position,
    entries: &'n [(Located<String>, Node)],
}

impl<'n> Fields<'n> {
    /// The entries of `node`, which is called `what` ("scenario") in messages. Keys outside
    /// `known` are noted as errors; `None` where it is no map (noted too). Nothing counts as empty.
    pub fn open(
        node: &'n Node,
        what: &str,
        known: &[&str],
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        let entries: &[_] = match &node.content {
            Content::Map(entries) => entries,
            Content::Scalar(_) if node.is_null() => &[],
            _ => {
                reading.refuse(node.at, format!("{what} must be a map, this is {}", node.kind()));
                return None;
            }
        };
        for (key, _) in entries {
            if !known.contains(&key.value.as_str()) {
                let message = format!("unknown key `{}` in {what}", key.value);
                let error = reading.source.error(key.at, message);
                let error = error.spanning(key.value.chars().count());
                reading.errors.push(error.with_suggestion(suggestion(&key.value, known)));
            }
        }
        Some(Self { at: node.at, entries })
    }

    /// The value of a key; nothing counts as absent.
    pub fn node(&self, key: &str) -> Option<&'n Node> {
        let found = self.entries.iter().find(|(name, _)| name.value == key);
        found.map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// Where a key's value stands, the map itself where it is absent.
    pub fn place(&self, key: &str) -> Position {
        self.node(key).map_or(self.at, |node| node.at)
    }

    /// A text; "" counts as absent, as everywhere in CrowdSec.
    pub fn text(&self, key: &str, reading: &mut Reading<'_>) -> Option<Located<String>> {
        let text = reading.text_of(self.node(key)?, key)?;
        (!text.value.is_empty()).then_some(text)
    }

    /// A text that must be there; "" (noted as an error) where it is not.
    pub fn required(&self, key: &str, what: &str, reading: &mut Reading<'_>) -> Located<String> {
        let before = reading.errors.len();
        let text = self.text(key, reading);
        if text.is_none() && reading.errors.len() == before {
            reading.refuse(self.place(key), format!("{what} needs `{key}`"));
        }
        text.unwrap_or_else(|| Located::new(String::new(), self.at))
    }

    /// A boolean, false where absent.
    pub fn flag(&self, key: &str, reading: &mut Reading<'_>) -> bool {
        self.optional_flag(key, reading).is_some_and(|flag| flag.value)
    }

    /// A boolean that may be absent.
    pub fn optional_flag(&self, key: &str, reading: &mut Reading<'_>) -> Option<Located<bool>> {
        let node = self.node(key)?;
        match resolved(node) {
            Resolved::Bool(flag) => Some(Located::new(flag, node.at)),
            _ => self.wrong(key, node, "true or false", reading),
        }
    }

    /// A whole number. A fraction is cut off, as go-yaml does.
    pub fn integer(&self, key: &str, reading: &mut Reading<'_>) -> Option<Located<i64>> {
        let node = self.node(key)?;
        match resolved(node) {
            Resolved::Int(number) => Some(Located::new(number, node.at)),
            #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
            Resolved::Float(number) if number.abs() < 9e15 => {
                Some(Located::new(number as i64, node.at))
            }
            _ => self.wrong(key, node, "a whole number", reading),
        }
    }

    /// A number.
    pub fn number(&self, key: &str, reading: &mut Reading<'_>) -> Option<Located<f64>> {
        let node = self.node(key)?;
        match resolved(node) {
            #[expect(clippy::cast_precision_loss, reason = "as Go converts an int to a float")]
            Resolved::Int(number) => Some(Located::new(number as f64, node.at)),
            Resolved::Float(number) => Some(Located::new(number, node.at)),
            _ => self.wrong(key, node, "a number", reading),
        }
    }

    /// A duration in Go's notation.
    pub fn duration(&self, key: &str, reading: &mut Reading<'_>) -> Option<Located<GoDuration>> {
        let text = self.text(key, reading)?;
        match GoDuration::parse(&text.value) {
            Ok(duration) => Some(Located::new(duration, text.at)),
            Err(error) => {
                let message = format!("`{key}`: {error}");
                let help = "write numbers with units h, m, s, ms, us or ns, such as 10s or 1h30m";
                reading.refuse_with(text.at, message, help);
                None
            }
        }
    }

    /// The items of a list; empty where absent.
    pub fn items(&self, key: &str, reading: &mut Reading<'_>) -> &'n [Node] {
        let Some(node) = self.node(key) else { return &[] };
        match &node.content {
            Content::List(items) => items,
            _ => {
                let message = format!("`{key}` must be a list, this is {}", node.kind());
                reading.refuse_with(node.at, message, "start each item on its own line with `- `");
                &[]
            }
        }
    }

    /// A list of texts; empty where absent.
    pub fn texts(&self, key: &str, reading: &mut Reading<'_>) -> Vec<Located<String>> {
        let items = self.items(key, reading);
        items.iter().filter_map(|item| reading.text_of(item, key)).collect()
    }

    /// The entries of a map, in order; empty where absent.
    pub fn entries(&self, key: &str, reading: &mut Reading<'_>) -> &'n [(Located<String>, Node)] {
        let Some(node) = self.node(key) else { return &[] };
        match &node.content {
            Content::Map(entries) => entries,
            _ => {
                reading.refuse(node.at, format!("`{key}` must be a map, this is {}", node.kind()));
                &[]
            }
        }
    }

    /// All entries, in order.
    pub fn all(&self) -> &'n [(Located<String>, Node)] {
        self.entries
    }

    fn wrong<T>(
        &self,
        key: &str,
        node: &Node,
        wanted: &str,
        reading: &mut Reading<'_>,
    ) -> Option<T> {
        let quoted = matches!(&node.content, Content::Scalar(scalar) if !scalar.plain);
        let message = format!("`{key}` must be {wanted}, this is {}", node.kind());
        let error = reading.source.error(node.at, message);
        let error = if quoted { error.with_help("write it without quotes") } else { error };
        reading.errors.push(error);
        None
    }
}

fn resolved(node: &Node) -> Resolved {
    match &node.content {
        Content::Scalar(scalar) => scalar.resolved(),
        _ => Resolved::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn with<T>(text: &str, read: impl FnOnce(&Fields<'_>, &mut Reading<'_>) -> T) -> (T, String) {
        let source = Source::new("t.yaml", text);
        let documents = tree::parse(&source);
        let mut reading = Reading::new(&source);
        let known = ["name", "size", "debug", "ttl", "list"];
        let fields = Fields::open(&documents.nodes[0], "thing", &known, &mut reading).unwrap();
        let value = read(&fields, &mut reading);
        (value, reading.errors.iter().map(|error| format!("{error}\n")).collect())
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_neighbour() {
        let source = Source::new("t.yaml", "nmae: x\n");
        let documents = tree::parse(&source);
        let mut reading = Reading::new(&source);
        Fields::open(&documents.nodes[0], "thing", &["name", "size"], &mut reading);
        assert_eq!(reading.errors[0].to_string(), "t.yaml:1:1: unknown key `nmae` in thing");
        assert_eq!(reading.errors[0].help.as_deref(), Some("did you mean `name`?"));
        assert_eq!(reading.errors[0].width, 4);
    }

    #[test]
    fn other_scalars_pass_as_text() {
        let (name, errors) = with("name: 010\n", |f, r| f.text("name", r));
        assert_eq!((name.unwrap().value.as_str(), errors.as_str()), ("010", ""));
        let (name, errors) = with("name: yes\n", |f, r| f.text("name", r));
        assert_eq!((name.unwrap().value.as_str(), errors.as_str()), ("yes", ""));
        let (name, _) = with("name:\n", |f, r| f.text("name", r));
        assert_eq!(name, None);
    }

    #[test]
    fn all_errors_of_a_map_are_collected() {
        let text = "name: [a]\nsize: '3'\ndebug: maybe\nttl: 3 days\nlist: one\n";
        let (_, errors) = with(text, |f, r| {
            f.text("name", r);
            f.integer("size", r);
            f.flag("debug", r);
            f.duration("ttl", r);
            f.texts("list", r);
        });
        assert_eq!(
            errors,
            "t.yaml:1:7: `name` must be a text, this is a list\n\
             t.yaml:2:7: `size` must be a whole number, this is a text\n\
             t.yaml:3:8: `debug` must be true or false, this is a text\n\
             t.yaml:4:6: `ttl`: unknown unit \" days\" in duration \"3 days\"\n\
             t.yaml:5:7: `list` must be a list, this is a text\n"
        );
    }

    #[test]
    fn a_negative_capacity_is_a_number() {
        let (size, errors) = with("size: -1\n", |f, r| f.integer("size", r));
        assert_eq!((size.unwrap().value, errors.as_str()), (-1, ""));
    }
}
