//! Assertions that say what happened: the start of a new test (crowdsec pkg/hubtest,
//! `AutoGenParserAssert`, `AutoGenScenarioAssert`).

use std::fmt::Write;
use std::sync::Arc;

use operators::event::Event;
use operators::expr::recorded::Recorded;
use operators::schema::Space;
use operators::value::Value;

use super::dump::Dump;

/// Assertions about parsers.
pub fn parsers(dump: &Dump) -> String {
    let mut text = String::new();
    let stages = dump.stages.len() + usize::from(!dump.stages.contains_key("success"));
    line(&mut text, format_args!("len(results) == {stages}"));
    for (stage, nodes) in &dump.stages {
        for (node, results) in nodes {
            let base = format!("results[\"{stage}\"][\"{node}\"]");
            line(&mut text, format_args!("len({base}) == {}", results.len()));
            for (index, result) in results.iter().enumerate() {
                let base = format!("{base}[{index}]");
                line(&mut text, format_args!("{base}.Success == {}", result.success));
                if result.success {
                    event(&mut text, &format!("{base}.Evt"), &result.event);
                }
            }
        }
    }
    line(&mut text, format_args!("len(results[\"success\"][\"\"]) == 0"));
    text
}

fn event(text: &mut String, base: &str, recorded: &Recorded) {
    let event = recorded.event();
    for (space, name) in
        [(Space::Parsed, "Parsed"), (Space::Meta, "Meta"), (Space::Enriched, "Enriched")]
    {
        for (key, value) in event.named(space).into_iter().filter(|(_, value)| !value.is_empty()) {
            let place = format!("{base}.{name}[\"{key}\"]");
            compare(text, &place, (space == Space::Meta).then_some(key), value);
        }
    }
    if let Value::Map(documents) = recorded.unmarshaled() {
        for (key, value) in &documents.entries {
            document(text, &format!("{base}.Unmarshaled[{}]", quoted(key)), value);
        }
    }
    whitelist(text, base, event);
}

fn whitelist(text: &mut String, base: &str, event: &Event) {
    let reason = event.whitelisted.as_ref().map(|reason| event.text(reason));
    line(text, format_args!("{base}.Whitelisted == {}", reason.is_some()));
    if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
        line(text, format_args!("{base}.WhitelistReason == \"{}\"", escaped(reason)));
    }
}

fn document(text: &mut String, place: &str, value: &Value) {
    match value {
        Value::Map(map) => {
            for (key, value) in &map.entries {
                document(text, &format!("{place}[{}]", quoted(key)), value);
            }
        }
        Value::Str(value) => line(text, format_args!("{place} == \"{}\"", escaped(value))),
        Value::Bool(value) => line(text, format_args!("{place} == {value}")),
        Value::Int(value) => line(text, format_args!("{place} == {value}")),
        Value::Float(value) => line(text, format_args!("FloatApproxEqual({place}, {value:.6})")),
        _ => {}
    }
}

/// Assertions about scenarios.
pub fn scenarios(overflows: &[Arc<Recorded>]) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("len(results) == {}", overflows.len()));
    for (index, recorded) in overflows.iter().enumerate() {
        let Some(overflow) = &recorded.event().overflow else { continue };
        let base = format!("results[{index}].Overflow");
        for (key, source) in &overflow.sources {
            line(&mut text, format_args!("\"{key}\" in {base}.GetSources()"));
            let of = format!("{base}.Sources[\"{key}\"]");
            line(&mut text, format_args!("{of}.IP == \"{}\"", source.ip));
            line(&mut text, format_args!("{of}.Range == \"{}\"", source.range));
            line(&mut text, format_args!("{of}.GetScope() == \"{}\"", source.scope));
            line(&mut text, format_args!("{of}.GetValue() == \"{}\"", source.value));
        }
        let alert = &overflow.alert;
        for (number, event) in alert.events.iter().enumerate() {
            for (key, value) in &event.meta {
                let place = format!("{base}.Alert.Events[{number}].GetMeta(\"{key}\")");
                compare(&mut text, &place, Some(key), value);
            }
        }
        line(&mut text, format_args!("{base}.Alert.GetScenario() == \"{}\"", alert.scenario));
        line(&mut text, format_args!("{base}.Alert.Remediation == {}", alert.remediation));
        line(&mut text, format_args!("{base}.Alert.GetEventsCount() == {}", alert.events_count));
    }
    text
}

/// Compares a text. Of the path of a log only the name is the same everywhere.
fn compare(text: &mut String, place: &str, meta: Option<&str>, value: &str) {
    if meta == Some("datasource_path") {
        let name = value.trim_end_matches('/').rsplit('/').next().unwrap_or(value);
        line(text, format_args!("basename({place}) == \"{}\"", escaped(name)));
    } else {
        line(text, format_args!("{place} == \"{}\"", escaped(value)));
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{content}");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '"' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}
