//! Alert context: what people want to see of the events behind an alert (crowdsec
//! pkg/alertcontext/alertcontext.go).
//!
//! Keys come in their own order. Nil, false, zero and empty results are left out; other results
//! that the reference crashes on (`true`, floats) are written as text.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::evaluate::Evaluator;
use super::exhibit::Exhibit;
use super::glance::Name;
use super::overflow::Surroundings;
use crate::expr::{ExprId, SieveId};
use crate::schema::FieldId;
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
    /// Made when all expressions are known.
    plan: OnceLock<Arc<Plan>>,
}

impl Contexts {
    /// No context.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an expression to a key; one that is there already is not added again.
    pub fn add(&mut self, key: &str, expression: ExprId) {
        self.plan = OnceLock::new();
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

/// Which expressions ask for what.
#[derive(Debug)]
struct Plan {
    /// Number of its key, by expression.
    keys: Vec<usize>,
    /// Expressions that are a field, by field.
    fields: Vec<(FieldId, usize, ExprId)>,
    /// Others that name the event, with what it must pass for them to give anything.
    events: Vec<(usize, ExprId, Option<SieveId>)>,
    /// Those that name nothing of it.
    others: Vec<(usize, ExprId)>,
    /// Whether those give the same wherever they are asked.
    constant: bool,
    /// Whether an expression may change the event.
    changes: bool,
}

impl Plan {
    fn new(contexts: &Contexts, evaluator: &Evaluator) -> Self {
        let keys = contexts.keys.values().enumerate();
        let keys = keys.flat_map(|(key, all)| all.iter().map(move |_| key)).collect();
        let (mut fields, mut events, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let mut constant = true;
        // What one writes the next one reads: then they are asked in their order.
        let changes = contexts.expressions().any(|id| evaluator.reads(id).mutates);
        for (number, id) in contexts.expressions().enumerate() {
            let reads = evaluator.reads(id);
            match evaluator.field(id) {
                Some(field) if !changes => fields.push((field, number, id)),
                _ if reads.event => events.push((number, id, evaluator.wakes(id))),
                _ => {
                    constant &= !reads.asks_world;
                    others.push((number, id));
                }
            }
        }
        fields.sort_unstable();
        Self { keys, fields, events, others, constant, changes }
    }

    /// The numbers of the expressions that are this field.
    fn asking(&self, field: FieldId) -> impl Iterator<Item = usize> {
        let from = self.fields.partition_point(|(known, ..)| *known < field);
        let asking = self.fields.iter().skip(from);
        asking.take_while(move |(known, ..)| *known == field).map(|(_, number, _)| *number)
    }
}

/// What the contexts find in one event.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Number of the expression among all of them, and text, ascending.
    texts: Vec<(usize, Arc<str>)>,
    /// Expressions that failed.
    errors: u64,
}

impl Found {
    /// Asks one event.
    fn of(event: &mut Exhibit, plan: &Plan, around: &mut Surroundings<'_>) -> Self {
        let mut found = Self::default();
        let catalogue = around.catalogue;
        let (kept, codec) = (event.kept().clone(), catalogue.codec());
        if event.is_changed() {
            for (_, number, id) in &plan.fields {
                found.ask(event, (*number, *id), around);
            }
        } else if let Some(glance) = codec.glance(&kept) {
            for (name, mark) in glance.fields().flatten() {
                let Name::Field(field) = name else { continue };
                let asking = plan.asking(field).map(|number| (number, mark.owned(&glance)));
                found.texts.extend(asking);
            }
        }
        for (number, id, wakes) in &plan.events {
            let passes = |sieve| around.evaluator.lets(sieve, &kept, codec);
            if event.is_changed() || wakes.is_none_or(passes) {
                found.ask(event, (*number, *id), around);
            }
        }
        found.texts.sort_by_key(|(number, _)| *number);
        found
    }

    fn ask(
        &mut self,
        event: &mut Exhibit,
        (number, id): (usize, ExprId),
        around: &mut Surroundings<'_>,
    ) {
        match event.shown(id, around) {
            Some(value) => collect(value, &mut |text| self.texts.push((number, text))),
            None => self.errors += 1,
        }
    }

    /// What every event says, because nothing of it is named.
    fn anywhere(plan: &Plan, around: &mut Surroundings<'_>) -> Self {
        let (mut event, mut found) = (around.catalogue.codec().nothing(), Self::default());
        for (number, id) in &plan.others {
            match around.evaluator.shown(*id, &mut event, around.lookups) {
                Ok(value) => collect(value, &mut |text| found.texts.push((*number, text))),
                Err(_) => found.errors += 1,
            }
        }
        found
    }
}

/// Key and JSON array text, by key.
type Gathered = Vec<(Arc<str>, Arc<str>)>;

/// The context of the held events. Expressions that failed are counted in `around` apart, once for
/// each event.
pub(super) fn gather(held: &mut [Exhibit], around: &mut Surroundings<'_>) -> Gathered {
    let contexts = around.catalogue.contexts();
    if contexts.is_empty() {
        return Vec::new();
    }
    let plan = contexts.plan.get_or_init(|| Arc::new(Plan::new(contexts, around.evaluator)));
    let anywhere = match around.recall.anywhere() {
        Some(known) if plan.constant => known,
        _ => {
            let found = Found::anywhere(plan, around);
            around.recall.set_anywhere(found)
        }
    };
    let elsewhere = around.errors;
    let each = held
        .iter_mut()
        .map(|event| event.found(plan.changes, |event| Found::of(event, plan, around)));
    let all: Vec<_> = each.collect();
    around.errors = elsewhere;
    around.context_errors += all.iter().map(|found| found.errors + anywhere.errors).sum::<u64>();

    // The first event says what every event says.
    let own = all.first().map_or(&[][..], |found| &found.texts);
    let mut first: Vec<_> = anywhere.texts.iter().chain(own).collect();
    first.sort_by_key(|(number, _)| *number);
    let others = all.iter().skip(1).flat_map(|found| &found.texts);
    let mut by_key: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (number, text) in first.into_iter().chain(others).filter(|(_, text)| !text.is_empty()) {
        let Some(key) = plan.keys.get(*number) else { continue };
        let found = by_key.entry(*key).or_default();
        if !found.contains(&&**text) {
            found.push(text);
        }
    }
    let longest = contexts.longest();
    let keys = contexts.keys.keys().enumerate();
    let filled = keys.filter_map(|(number, key)| by_key.get(&number).map(|found| (key, found)));
    filled.map(|(key, found)| (Arc::clone(key), truncated(found, longest).into())).collect()
}

/// The texts that a value is written as.
fn collect(value: Value, add: &mut impl FnMut(Arc<str>)) {
    let text = match value {
        Value::Str(text) => text,
        Value::Int(number) => number.to_string().into(),
        Value::Int64(number) if number != 0 => number.to_string().into(),
        Value::Float(number) if number != 0.0 => number.to_string().into(),
        Value::Bool(true) => "true".into(),
        Value::Duration(ns) if ns != 0 => GoDuration(ns).to_string().into(),
        Value::Time(stamp) => stamp.to_string().into(),
        Value::List(list) => {
            return list.items.iter().for_each(|item| collect(item.clone(), add));
        }
        _ => return,
    };
    add(text);
}

/// The values as a JSON array of `longest` bytes at most: the last values go first, a single one
/// is halved until it fits.
fn truncated(values: &[&str], longest: usize) -> String {
    for count in (1..=values.len()).rev() {
        let text = json(values.get(..count).unwrap_or_default());
        if text.len() <= longest {
            return text;
        }
    }
    let mut value = values.first().map_or_else(String::new, ToString::to_string);
    loop {
        let mut half = value.len() / 2;
        while !value.is_char_boundary(half) {
            half -= 1;
        }
        value.truncate(half);
        value.push_str("...");
        let text = json(&[&value]);
        if text.len() <= longest {
            return text;
        }
    }
}

/// Go's encoder writes `<`, `>`, `&` and the two line separators of Unicode as escapes.
fn json(values: &[&str]) -> String {
    let text = serde_json::to_string(values).unwrap_or_default();
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text;
    }
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
    use crate::value::ListKind;

    #[test]
    fn last_values_go_first() {
        assert_eq!(truncated(&["abcdef", "ghijkl"], 20), r#"["abcdef","ghijkl"]"#);
        assert_eq!(truncated(&["abcdef", "ghijkl"], 18), r#"["abcdef"]"#);
    }

    #[test]
    fn one_long_value_is_halved_between_characters() {
        assert_eq!(truncated(&["é".repeat(20).as_str()], 20), r#"["ééééé..."]"#);
        let tiny = Contexts { length: Some(1), ..Contexts::default() };
        assert!(truncated(&["<".repeat(99).as_str()], tiny.longest()).len() <= 40);
    }

    #[test]
    fn markup_is_escaped_as_go_does() {
        assert_eq!(json(&["<a&b>"]), r#"["\u003ca\u0026b\u003e"]"#);
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        let mut found = Vec::new();
        let mut add = |text: Arc<str>| found.push(text.to_string());
        for value in [Value::Nil, Value::Bool(false), Value::Int64(0)] {
            collect(value, &mut add);
        }
        collect(Value::slice(ListKind::Typed, vec![Value::Int(3), Value::Int(4)]), &mut add);
        assert_eq!(found, ["3", "4"]);
    }
}
