//! Alert context: what people want to see of the events behind an alert (crowdsec
//! pkg/alertcontext/alertcontext.go).
//!
//! Keys come in their own order. Nil, false, zero and empty results are left out; other results
//! that the reference crashes on (`true`, floats) are written as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::overflow::{Held, Surroundings};
use crate::expr::ExprId;
use crate::time::GoDuration;
use crate::value::Value;

/// Most bytes of one value, and the default.
pub const MAX_VALUE_LENGTH: usize = 4000;
/// Fewest bytes of one value: halving stops at six characters, each of which may be an escape.
const MIN_VALUE_LENGTH: usize = 40;

/// Expressions by key.
#[derive(Clone, Debug, Default)]
pub struct Contexts {
    keys: BTreeMap<Arc<str>, Vec<ExprId>>,
    length: Option<usize>,
}

impl Contexts {
    /// No context.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an expression to a key; one that is there already is not added again.
    pub fn add(&mut self, key: &str, expression: ExprId) {
        let expressions = self.keys.entry(key.into()).or_default();
        if !expressions.contains(&expression) {
            expressions.push(expression);
        }
    }

    /// Sets how long a value may be (`console_context_value_length`). Unit: bytes.
    pub fn limit(&mut self, length: usize) {
        self.length = (length > 0).then_some(length);
    }

    /// Whether there is nothing to gather.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// All expressions.
    pub fn expressions(&self) -> impl Iterator<Item = ExprId> {
        self.keys.values().flatten().copied()
    }

    fn longest(&self) -> usize {
        let length = self.length.unwrap_or(MAX_VALUE_LENGTH);
        length.clamp(MIN_VALUE_LENGTH, MAX_VALUE_LENGTH)
    }
}

/// Key and JSON array text, by key.
type Gathered = Vec<(Arc<str>, Arc<str>)>;

/// The context of the held events. Expressions that failed are counted in `around`.
pub(super) fn gather(
    contexts: &Contexts,
    held: &mut [Held],
    around: &mut Surroundings<'_>,
) -> Gathered {
    let mut all = Vec::new();
    for (key, expressions) in &contexts.keys {
        let mut found = Vec::new();
        for (event, _) in held.iter_mut() {
            for expression in expressions {
                if let Some(text) = around.evaluator.field(*expression, event) {
                    add(text, &mut found);
                    continue;
                }
                let event = Arc::make_mut(event);
                match around.evaluator.value(*expression, event, &[], around.lookups) {
                    Ok(value) => collect(&value, &mut found),
                    Err(_) => around.context_errors += 1,
                }
            }
        }
        if !found.is_empty() {
            all.push((Arc::clone(key), truncated(found, contexts.longest()).into()));
        }
    }
    all
}

fn add(text: &str, found: &mut Vec<String>) {
    if !text.is_empty() && !found.iter().any(|known| known == text) {
        found.push(text.to_owned());
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    let mut add = |text: String| add(&text, found);
    match value {
        Value::Str(text) => self::add(text, found),
        Value::Int(number) => add(number.to_string()),
        Value::Int64(number) if *number != 0 => add(number.to_string()),
        Value::Float(number) if *number != 0.0 => add(number.to_string()),
        Value::Bool(true) => add("true".to_owned()),
        Value::Duration(ns) if *ns != 0 => add(GoDuration(*ns).to_string()),
        Value::Time(stamp) => add(stamp.to_string()),
        Value::List(list) => list.items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// The values as a JSON array of `longest` bytes at most: the last values go first, a single one
/// is halved until it fits.
fn truncated(mut values: Vec<String>, longest: usize) -> String {
    loop {
        let text = json(&values);
        if text.len() <= longest {
            return text;
        }
        if values.len() > 1 {
            values.pop();
        } else if let Some(value) = values.first_mut() {
            let mut half = value.len() / 2;
            while !value.is_char_boundary(half) {
                half -= 1;
            }
            value.truncate(half);
            value.push_str("...");
        }
    }
}

/// Go's encoder writes `<`, `>`, `&` and the two line separators of Unicode as escapes.
fn json(values: &[String]) -> String {
    let text = serde_json::to_string(values).unwrap_or_default();
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn last_values_go_first() {
        assert_eq!(truncated(texts(&["abcdef", "ghijkl"]), 20), r#"["abcdef","ghijkl"]"#);
        assert_eq!(truncated(texts(&["abcdef", "ghijkl"]), 18), r#"["abcdef"]"#);
    }

    #[test]
    fn one_long_value_is_halved_between_characters() {
        assert_eq!(truncated(texts(&["é".repeat(20).as_str()]), 20), r#"["ééééé..."]"#);
        let tiny = Contexts { length: Some(1), ..Contexts::default() };
        assert!(truncated(texts(&["<".repeat(99).as_str()]), tiny.longest()).len() <= 40);
    }

    #[test]
    fn markup_is_escaped_as_go_does() {
        assert_eq!(json(&texts(&["<a&b>"])), r#"["\u003ca\u0026b\u003e"]"#);
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        let mut found = Vec::new();
        for value in [Value::Nil, Value::Bool(false), Value::str(""), Value::Int64(0)] {
            collect(&value, &mut found);
        }
        collect(&Value::list(vec![Value::Int(3), Value::str("x"), Value::str("x")]), &mut found);
        assert_eq!(found, ["3", "x"]);
    }
}
