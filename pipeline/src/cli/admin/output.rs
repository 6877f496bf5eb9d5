//! Answers as they are printed: tables for people that fit the terminal, JSON, CSV.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use clap::ValueEnum;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use serde_json::Value;

use crate::cli::Format;
use crate::cli::alerts::printable;

/// When there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal where `NO_COLOR` is not set
    #[default]
    Auto,
    /// Always
    Yes,
    /// Never
    No,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The format.
    pub format: Format,
    colour: bool,
}

/// A row of a table; what is bad is said again by its colour.
#[derive(Debug)]
pub struct Row(Vec<Cell>);

impl Row {
    /// A row of texts.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self(texts.into_iter().map(|text| Cell::new(printable(text.as_ref()))).collect())
    }

    /// Colours a cell, counted from 0, as good or bad.
    #[must_use]
    pub fn tinted(mut self, place: usize, good: bool) -> Self {
        if let Some(cell) = self.0.get_mut(place) {
            let tint = if good { Color::Green } else { Color::Red };
            *cell = cell.clone().fg(tint);
        }
        self
    }
}

impl Output {
    /// Prints in a format.
    pub fn new(format: Format, colour: Colour) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = match colour {
            Colour::Auto => io::stdout().is_terminal() && !refused,
            Colour::Yes => true,
            Colour::No => false,
        };
        Self { format, colour }
    }

    /// Prints a table, under its title unless that is "".
    ///
    /// # Errors
    /// Standard output does not take it.
    pub fn table(self, title: &str, header: &[&str], rows: Vec<Row>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if let Some(width) = width() {
            table.set_width(width);
        }
        if !header.is_empty() {
            let bold = |text: &&str| Cell::new(text).add_attribute(Attribute::Bold);
            table.set_header(header.iter().map(bold));
        }
        for row in rows {
            table.add_row(row.0);
        }
        let mut out = io::stdout().lock();
        if !title.is_empty() {
            writeln!(out, "{}", printable(title))?;
        }
        writeln!(out, "{table}")
    }

    /// Prints comma-separated values.
    ///
    /// # Errors
    /// Standard output does not take it.
    pub fn csv<T: AsRef<str>>(
        self,
        header: &[&str],
        rows: impl IntoIterator<Item = Vec<T>>,
    ) -> anyhow::Result<()> {
        let mut out = csv::Writer::from_writer(io::stdout().lock());
        out.write_record(header).map_err(unwritten)?;
        for row in rows {
            out.write_record(row.iter().map(AsRef::as_ref)).map_err(unwritten)?;
        }
        Ok(out.flush()?)
    }

    /// Prints YAML as Go's library names the fields of what is JSON here: without their underscores.
    ///
    /// # Errors
    /// Standard output does not take it.
    pub fn yaml(self, value: &Value) -> io::Result<()> {
        let mut text = String::new();
        write_yaml(&mut text, value, 0);
        writeln!(io::stdout().lock(), "{}", text.trim_start_matches('\n'))
    }

    /// Prints JSON, indented by so many spaces.
    ///
    /// # Errors
    /// Standard output does not take it.
    pub fn json(self, value: &Value, spaces: usize) -> anyhow::Result<()> {
        use serde::Serialize;
        let indent = " ".repeat(spaces);
        let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
        let mut out = io::stdout().lock();
        let mut writer = serde_json::Serializer::with_formatter(&mut out, formatter);
        value.serialize(&mut writer).map_err(io::Error::from)?;
        Ok(writeln!(out)?)
    }
}

/// A value behind its key or dash: on the same line if it has no parts.
fn write_yaml(out: &mut String, value: &Value, depth: usize) {
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"    ".repeat(depth));
    };
    match value {
        Value::Object(all) if !all.is_empty() => {
            for (key, value) in all {
                line(out, depth);
                out.push_str(&key.replace('_', ""));
                out.push(':');
                write_yaml(out, value, depth + 1);
            }
        }
        Value::Array(all) if !all.is_empty() => {
            for value in all {
                line(out, depth);
                out.push('-');
                write_yaml(out, value, depth + 1);
            }
        }
        // A text of JSON is one of YAML, whatever is in it.
        value => {
            out.push(' ');
            out.push_str(&value.to_string());
        }
    }
}

/// Errors of the output stay what they are: a reader that went away is none.
fn unwritten(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => anyhow::anyhow!("{other:?}"),
    }
}

/// Columns of the terminal; `None` where there is none.
fn width() -> Option<u16> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(size.ws_col).filter(|columns| *columns > 0)
}

/// The text behind a JSON pointer; "" where nothing is.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The list behind a JSON pointer.
pub fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether the person at the terminal says yes.
///
/// # Errors
/// Nobody is there to be asked.
pub fn confirmed(question: &str) -> anyhow::Result<bool> {
    anyhow::ensure!(io::stdin().is_terminal(), "nobody can be asked here: add --force");
    eprint!("{question} [y/N] ");
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("read the answer")?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// A line that is typed unseen, or read from standard input where nobody types.
///
/// # Errors
/// Nothing is there, or the terminal does not hide it.
pub fn secret(question: &str) -> anyhow::Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = io::stdin();
    let mut line = String::new();
    if stdin.is_terminal() {
        eprint!("{question}");
        let shown = tcgetattr(&stdin)?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
        let read = stdin.read_line(&mut line);
        tcsetattr(&stdin, OptionalActions::Flush, &shown)?;
        eprintln!();
        read?;
    } else {
        stdin.read_line(&mut line)?;
    }
    let line = line.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!line.is_empty(), "no password was given");
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_has_the_names_of_gos_library() {
        let value = serde_json::json!({
            "created_at": "a: \"b\"", "labels": null, "decisions": [], "id": 7,
            "source": {"as_name": "x"}, "meta": [{"key": "k", "value": "v"}],
        });
        let mut text = String::new();
        write_yaml(&mut text, &value, 0);
        let expected = "\ncreatedat: \"a: \\\"b\\\"\"\nlabels: null\ndecisions: []\nid: 7\nsource:\n    asname: \"x\"\n\
                        meta:\n    -\n        key: \"k\"\n        value: \"v\"";
        assert_eq!(text, expected);
    }
}
