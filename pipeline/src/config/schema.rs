//! The JSON Schema of a configuration, for editors: made from the lists that the decoder reads.

use serde_json::{Map, Value, json};

use super::key::{Key, Kind, Section, Tagged};

/// The schema of a file that holds one map.
pub fn schema(section: &Section, title: &str) -> Value {
    let mut schema = of_section(section, None);
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!(title));
    Value::Object(schema)
}

fn of_section(section: &Section, tag: Option<(&str, &str)>) -> Map<String, Value> {
    let property = |key: &'static Key| {
        let mut schema = match tag {
            Some((tag, kind)) if tag == key.name => json!({ "const": kind }),
            _ => of_kind(key.kind),
        };
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".into(), json!(key.help));
            if !key.default.is_empty() && !matches!(key.kind, Kind::Section(_)) {
                schema.insert("default".into(), default(key));
            }
        }
        (key.name.to_owned(), schema)
    };
    let properties: Map<_, _> = section.keys().map(property).collect();
    let mut schema = Map::new();
    // A map of which nothing is written reads as nothing.
    schema.insert("type".into(), json!(["object", "null"]));
    schema.insert("additionalProperties".into(), json!(false));
    schema.insert("properties".into(), Value::Object(properties));
    schema
}

fn default(key: &Key) -> Value {
    match key.kind {
        Kind::Flag => json!(key.default == "true"),
        Kind::Count(..) => {
            key.default.parse::<u64>().map_or_else(|_| json!(key.default), Value::from)
        }
        _ => json!(key.default),
    }
}

fn of_kind(kind: Kind) -> Value {
    // YAML's plain scalars are numbers and booleans to some.
    let text = json!(["string", "number", "boolean", "null"]);
    let list = |items: Value| json!({ "type": ["array", "null"], "items": items });
    match kind {
        Kind::Text | Kind::Secret => json!({ "type": text }),
        Kind::Path | Kind::Address => json!({ "type": ["string", "null"] }),
        Kind::Flag => json!({ "type": ["boolean", "null"] }),
        Kind::Count(least, most, words) => {
            either(json!({ "type": ["integer", "null"], "minimum": least, "maximum": most }), words)
        }
        Kind::Size => json!({
            "type": ["string", "integer", "null"],
            "pattern": "^[0-9]+(\\.[0-9]{1,6})? ?([KkMmGgTt]([Ii])?)?[Bb]?$",
        }),
        Kind::Duration(words) => either(
            json!({
                "type": ["string", "integer", "null"],
                "pattern": "^(0|([0-9]+(\\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h))+)$",
            }),
            words,
        ),
        Kind::Choice(words) => json!({ "enum": with_null(words) }),
        Kind::Texts => list(json!({ "type": text })),
        Kind::Paths | Kind::Networks => list(json!({ "type": "string" })),
        Kind::Counts => list(json!({ "type": "integer", "minimum": 0 })),
        Kind::Pairs | Kind::Secrets => {
            json!({ "type": ["object", "null"], "additionalProperties": { "type": text } })
        }
        Kind::Section(section) => Value::Object(of_section(section, None)),
        Kind::List(tagged) => list(of_tagged(tagged)),
    }
}

fn either(schema: Value, words: &[&str]) -> Value {
    match words {
        [] => schema,
        words => json!({ "anyOf": [schema, { "enum": words }] }),
    }
}

fn with_null(words: &[&str]) -> Vec<Value> {
    words.iter().map(|word| json!(word)).chain([Value::Null]).collect()
}

fn of_tagged(tagged: &Tagged) -> Value {
    let kind = |(name, section): &(&str, &'static Section)| {
        let mut schema = of_section(section, Some((tagged.tag, name)));
        schema.insert("type".into(), json!("object"));
        let implied = tagged.implied.iter().filter(|(_, kind)| kind == name);
        let named = json!({ "required": [tagged.tag] });
        let ways: Vec<Value> = std::iter::once(named)
            .chain(implied.map(|(key, _)| json!({ "required": [key] })))
            .collect();
        schema.insert("anyOf".into(), json!(ways));
        Value::Object(schema)
    };
    json!({ "anyOf": tagged.kinds.iter().map(kind).collect::<Vec<_>>() })
}
