//! Values of expressions as texts for people: strings as they are, everything else as YAML, whole.

use std::fmt::Write as _;

use operators::event::Event;
use operators::expr::functions::encode;
use operators::expr::structures;
use operators::expr::{Cx, Memo};
use operators::lookup::Lookups;
use operators::value::{Object, Value};

/// A value as YAML; empty fields of structures are left out.
pub fn show(value: &Value, event: &mut Event, lookups: &dyn Lookups) -> String {
    if let Value::Str(text) = value {
        return text.to_string();
    }
    let mut memo = Memo::new();
    let cx = Cx::new(event, lookups, &mut memo);
    let mut text = String::new();
    write(&mut text, &shape(value, &cx), 0);
    text.trim().to_owned()
}

/// What YAML knows of a value.
enum Shape {
    Scalar(String),
    List(Vec<Shape>),
    Map(Vec<(String, Shape)>),
}

impl Shape {
    /// Whether Go's `omitempty` leaves it out.
    fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(text) => matches!(text.as_str(), "" | "\"\"" | "0" | "false" | "null"),
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.is_empty(),
        }
    }
}

fn shape(value: &Value, cx: &Cx<'_>) -> Shape {
    match value {
        Value::List(list) => Shape::List(list.items.iter().map(|item| shape(item, cx)).collect()),
        Value::Map(map) => {
            let entries = map.entries.iter();
            Shape::Map(entries.map(|(key, value)| (key.to_string(), shape(value, cx))).collect())
        }
        Value::Object(object) => structure(&**object, cx),
        other => Shape::Scalar(encode(cx, other).unwrap_or_else(|_| other.type_name().to_owned())),
    }
}

fn structure(object: &dyn Object, cx: &Cx<'_>) -> Shape {
    if let Some(items) = object.items() {
        return Shape::List(items.iter().map(|item| shape(item, cx)).collect());
    }
    let name = object.type_name();
    let name = name.rsplit(['.', '*']).next().unwrap_or(name);
    let fields = structures::find(name).map_or(&[][..], |structure| structure.fields);
    let shapes = fields.iter().filter_map(|(field, _)| {
        Some((*field, shape(&object.field(field)?, cx))).filter(|(_, shape)| !shape.is_empty())
    });
    Shape::Map(shapes.map(|(field, shape)| (field.to_owned(), shape)).collect())
}

/// Writes it from the present place on, further lines `depth` levels in.
fn write(text: &mut String, shape: &Shape, depth: usize) {
    let indent = "    ".repeat(depth);
    match shape {
        Shape::Scalar(scalar) => {
            let _ = writeln!(text, " {scalar}");
        }
        Shape::List(items) if items.is_empty() => text.push_str(" []\n"),
        Shape::Map(entries) if entries.is_empty() => text.push_str(" {}\n"),
        Shape::List(items) => {
            text.push('\n');
            for item in items {
                let _ = write!(text, "{indent}-");
                write(text, item, depth + 1);
            }
        }
        Shape::Map(entries) => {
            text.push('\n');
            for (key, value) in entries {
                let _ = write!(text, "{indent}{}:", quoted(key));
                write(text, value, depth + 1);
            }
        }
    }
}

/// A key as YAML reads it back.
fn quoted(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let begins = key.starts_with(|c: char| c.is_ascii_alphabetic());
    let word = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let word = word.iter().any(|word| key.eq_ignore_ascii_case(word));
    match begins && !word && key.chars().all(plain) {
        true => key.to_owned(),
        false => serde_json::Value::from(key).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use operators::expr::{Compiler, Env, Expect};
    use operators::lookup::Offline;

    #[test]
    fn lists_and_maps_are_blocks() {
        let list = Value::list(vec![Value::Int(1), Value::str("a: b")]);
        let map = Value::map([("x".into(), list), ("no".into(), Value::Nil)].into());
        let lookups = Offline::new(operators::time::Stamp::from_unix(0));
        let mut compiler = Compiler::new();
        compiler.compile("1", Env::ParserAssert, Expect::Any).unwrap();
        let mut event = super::super::assertions::nothing(&compiler.finish(), &lookups);
        let text = show(&map, &mut event, &lookups);
        assert_eq!(text, "\"no\": null\nx:\n    - 1\n    - \"a: b\"");
        assert_eq!(show(&Value::str("a: b"), &mut event, &lookups), "a: b");
    }
}
