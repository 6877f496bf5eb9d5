//! Alert context as written (crowdsec pkg/alertcontext): which expressions' results alerts carry.

use crate::yaml::{Documents, Fields, Located, Reading};

/// One key of `alert.meta` and the expressions whose results it lists.
#[derive(Clone, Debug)]
pub struct ContextSpec {
    /// The key.
    pub key: Located<String>,
    /// Expressions over `evt`, `match` and `req`. Never empty.
    pub expressions: Vec<Located<String>>,
}

/// Reads a context item (`context: {key: [expression]}`) or the console's file (`key:
/// [expression]`). A key without expressions is left out with a warning.
pub fn read(documents: &Documents, reading: &mut Reading<'_>) -> Vec<ContextSpec> {
    let mut specs = Vec::new();
    for document in &documents.nodes {
        let mut node = document;
        if let Some(context) = document.entry("context") {
            let keys = ["context", "name", "description", "author", "version", "references"];
            Fields::open(document, "context", &keys, reading);
            node = context;
        }
        let crate::yaml::Content::Map(entries) = &node.content else {
            if !node.is_null() {
                let message = format!("context must be a map, this is {}", node.kind());
                reading.refuse(node.at, message);
            }
            continue;
        };
        let names: Vec<&str> = entries.iter().map(|(key, _)| key.value.as_str()).collect();
        let Some(fields) = Fields::open(node, "context", &names, reading) else { continue };
        for (key, _) in entries {
            let mut expressions = fields.texts(&key.value, reading);
            expressions.retain(|expression| !expression.value.is_empty());
            if expressions.is_empty() {
                reading.warn(key.at, format!("context {} left out: no expression", key.value));
                continue;
            }
            specs.push(ContextSpec { key: key.clone(), expressions });
        }
    }
    specs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Source, parse};

    #[track_caller]
    fn keys(text: &str) -> Vec<(String, usize)> {
        let source = Source::new("c.yaml", text);
        let mut reading = Reading::new(&source);
        let specs = read(&parse(&source), &mut reading);
        assert_eq!(reading.errors, []);
        specs.into_iter().map(|spec| (spec.key.value, spec.expressions.len())).collect()
    }

    #[test]
    fn both_forms_are_read() {
        let expected = [("user".to_owned(), 1), ("port".to_owned(), 2)];
        assert_eq!(keys("context:\n  user: [evt.Meta.user]\n  port: [a, b]\n"), expected);
        assert_eq!(keys("user: [evt.Meta.user]\nport: [a, b]\nempty: []\n"), expected);
    }
}
