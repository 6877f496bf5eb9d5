//! Why a condition was not true: the part that failed and the values that it met.

use operators::expr::{Cx, ExprId, Program};
use operators::time::GoDuration;
use operators::value::Value;

use super::story::{ConditionStory, Operand};

/// Runs `look` on a copy of the event, so that looking changes nothing.
pub(super) fn aside<T>(cx: &mut Cx<'_>, look: impl FnOnce(&mut Cx<'_>) -> T) -> T {
    let mut event = cx.event.clone();
    let mut copy = Cx::new(&mut event, cx.lookups, cx.memo).with_roots(cx.roots);
    if let Some(stash) = &mut cx.stash {
        copy.stash = Some(&mut **stash);
    }
    look(&mut copy)
}

/// Says what is not true about a condition; `None` where it is true.
pub fn untrue(program: &Program, id: ExprId, cx: &mut Cx<'_>) -> Option<ConditionStory> {
    let trace = aside(cx, |cx| program.trace(id, cx));
    if matches!(trace.result, Ok(Value::Bool(true))) {
        return None;
    }
    let expression = program.source(id).to_owned();
    let step = trace.failed;
    let failed = step.as_ref().and_then(|step| expression.get(step.span.clone()));
    let failed = failed.filter(|part| *part != expression.trim()).map(str::to_owned);
    let operands = step.map(|step| step.operands).unwrap_or_default();
    let values =
        operands.iter().map(|(name, value)| Operand { name: name.clone(), value: json_of(value) });
    let error = match &trace.result {
        Err(error) => Some(error.message.clone()),
        Ok(Value::Bool(_)) => None,
        Ok(other) => Some(format!("it gave {} and no bool", other.type_name())),
    };
    Some(ConditionStory { expression, failed, values: values.collect(), error })
}

/// A value as JSON; what JSON does not have as text.
pub fn json_of(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) | Value::Int64(value) => Json::from(*value),
        Value::Float(value) => Json::from(*value),
        Value::Str(text) => Json::String(text.to_string()),
        Value::List(list) => Json::Array(list.items.iter().map(json_of).collect()),
        Value::Map(map) => {
            let entries = map.entries.iter();
            Json::Object(entries.map(|(key, value)| (key.to_string(), json_of(value))).collect())
        }
        Value::Time(stamp) => Json::String(stamp.rfc3339_nano()),
        Value::Duration(length) => Json::String(GoDuration(*length).to_string()),
        Value::Object(object) if object.items().is_some() => {
            let items = object.items().unwrap_or_default();
            Json::Array(items.iter().map(json_of).collect())
        }
        other => Json::String(format!("<{}>", other.type_name())),
    }
}
