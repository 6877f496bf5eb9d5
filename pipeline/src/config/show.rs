//! A configuration as it counts, defaults included, as YAML. Secrets are not shown.

use std::fmt::{self, Write};
use std::time::Duration;

use super::key::{Key, Kind};
use super::size;
use super::values::{Entry, Value, Values};

/// What stands for a secret.
const HIDDEN: &str = "***";

/// The whole of it. What nobody wrote says so.
pub fn show(values: &Values) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = map(&mut out, values, 0);
    out
}

fn map(out: &mut String, values: &Values, depth: usize) -> fmt::Result {
    for (key, entry) in values.all() {
        indent(out, depth)?;
        write!(out, "{}:", key.name)?;
        one(out, key, entry, depth)?;
    }
    Ok(())
}

fn one(out: &mut String, key: &Key, entry: &Entry, depth: usize) -> fmt::Result {
    let end = if entry.is_default { "  # by default\n" } else { "\n" };
    match &entry.value {
        Value::Section(section) if section.all().next().is_none() => out.write_str(" {}\n"),
        Value::Section(section) => {
            out.write_char('\n')?;
            map(out, section, depth + 1)
        }
        Value::List(list) if list.is_empty() => write!(out, " []{end}"),
        Value::List(list) => {
            out.write_char('\n')?;
            list.iter().try_for_each(|(_, values)| item(out, values, depth + 1))
        }
        Value::Text(_) if matches!(key.kind, Kind::Secret) => write!(out, " {HIDDEN}{end}"),
        Value::Text(text) => write!(out, " {}{end}", quoted(text)),
        Value::Flag(flag) => write!(out, " {flag}{end}"),
        Value::Count(bytes) if matches!(key.kind, Kind::Size) => {
            write!(out, " {}{end}", size::shown(*bytes))
        }
        Value::Count(count) => write!(out, " {count}{end}"),
        Value::Duration(duration) => write!(out, " {}{end}", shown(*duration)),
        Value::Texts(texts) => {
            let texts: Vec<_> = texts.iter().map(|text| quoted(&text.value)).collect();
            write!(out, " [{}]{end}", texts.join(", "))
        }
        Value::Networks(networks) => {
            let texts: Vec<_> = networks.iter().map(|net| quoted(&net.to_string())).collect();
            write!(out, " [{}]{end}", texts.join(", "))
        }
        Value::Counts(counts) => {
            let texts: Vec<_> = counts.iter().map(ToString::to_string).collect();
            write!(out, " [{}]{end}", texts.join(", "))
        }
        Value::Pairs(pairs) => {
            let hidden = matches!(key.kind, Kind::Secrets);
            let value = |text: &str| if hidden { HIDDEN.to_owned() } else { quoted(text) };
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(key, text)| format!("{}: {}", quoted(key), value(text)))
                .collect();
            write!(out, " {{{}}}{end}", pairs.join(", "))
        }
    }
}

/// A map in a list: its first line bears the dash.
fn item(out: &mut String, values: &Values, depth: usize) -> fmt::Result {
    let mut text = String::new();
    map(&mut text, values, depth + 1)?;
    let (dash, spaces) = ("  ".repeat(depth) + "- ", "  ".repeat(depth + 1));
    match text.strip_prefix(&spaces) {
        Some(rest) => write!(out, "{dash}{rest}"),
        None => writeln!(out, "{dash}{{}}"),
    }
}

fn indent(out: &mut String, depth: usize) -> fmt::Result {
    (0..depth).try_for_each(|_| out.write_str("  "))
}

/// Plain where YAML reads it as the same text, else in double quotes, which YAML and JSON share.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    match first && text.chars().all(plain) && !is_word(text) {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

/// Whether YAML reads it as something else than a text.
fn is_word(text: &str) -> bool {
    operators::yaml::scalar::resolve(text) != operators::yaml::scalar::Resolved::Text
}

/// A duration in Go's notation, in its largest unit that divides it.
pub fn shown(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units = [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000)];
    let small = [("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
    let mut all = units.into_iter().chain(small);
    match all.find(|(_, unit)| nanos > 0 && nanos.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", nanos / unit),
        None => "0s".to_owned(),
    }
}
