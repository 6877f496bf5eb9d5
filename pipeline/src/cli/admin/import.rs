//! `spillway decisions import`: decisions on the values of a file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use api::filter::Net;
use api::record::normal_scope;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{items, text};
use super::posted::posted;
use super::target::age;

/// Decisions of one request: one request may take 50 MB.
const MOST: usize = 100_000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spillway decisions import -i decisions.csv     (with a header: value, and any of duration, reason, scope, type)
  spillway decisions import -i decisions.json    ([{\"value\": \"192.0.2.7\", \"duration\": \"4h\"}, …])
  echo 192.0.2.7 | spillway decisions import -i - --format values")]
pub(super) struct Import {
    /// The file; - for standard input
    #[arg(short, long, value_name = "FILE")]
    input: PathBuf,
    /// How long, where the file does not say
    #[arg(short, long, default_value = "4h", value_parser = age)]
    duration: String,
    /// What the values are, where the file does not say
    #[arg(long, default_value = "Ip")]
    scope: String,
    /// Why, where the file does not say
    #[arg(short = 'R', long, default_value = "manual")]
    reason: String,
    /// What is done, where the file does not say
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "ban")]
    kind: String,
    /// Decisions of one alert; 0 for as many as fit
    #[arg(long, default_value_t = 0)]
    batch: usize,
    /// How the file is written; else its name says
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    Json,
    Csv,
    Values,
}

/// A decision as a file writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    duration: String,
    #[serde(alias = "scenario")]
    reason: String,
    scope: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

impl Import {
    pub(super) fn run(self, client: &Client) -> anyhow::Result<()> {
        let format = self.format()?;
        let (name, bytes) = bytes(&self.input)?;
        let raw = read(&bytes, format).with_context(|| format!("read {name}"))?;
        if raw.is_empty() {
            bail!("no decisions found in {name}");
        }
        let decisions = raw.into_iter().enumerate().map(|(place, raw)| self.decision(place, raw));
        let mut decisions: Vec<Value> = decisions.collect::<anyhow::Result<_>>()?;
        let size = if self.batch == 0 { MOST } else { self.batch.min(MOST) };
        let allowed = allowlisted(client, &decisions, size)?;
        decisions.retain(|decision| !allowed.contains(&text(decision, "/value")));
        for chunk in decisions.chunks(size) {
            let scenario = format!("import {name}: {} IPs", chunk.len());
            let source = json!({ "scope": "", "value": "" });
            let alert = posted(&scenario, "", &source, chunk);
            client.post(&["v1", "alerts"], &Value::Array(vec![alert]))?;
        }
        println!("Imported {} decisions", decisions.len());
        Ok(())
    }

    fn format(&self) -> anyhow::Result<FileFormat> {
        match (self.format, self.input.extension().and_then(|end| end.to_str())) {
            (Some(format), _) => Ok(format),
            (None, Some("json")) => Ok(FileFormat::Json),
            (None, Some("csv")) => Ok(FileFormat::Csv),
            _ => bail!("its name does not say how the file is written: add --format"),
        }
    }

    fn decision(&self, place: usize, raw: Raw) -> anyhow::Result<Value> {
        let or = |text: String, default: &str| match text.as_str() {
            "" => default.to_owned(),
            _ => text,
        };
        let Raw { duration, reason, scope, kind, value } = raw;
        let number = place + 1;
        if value.is_empty() {
            bail!("item {number}: `value` is missing");
        }
        let scope = normal_scope(&or(scope, &self.scope)).to_owned();
        if let ("Ip" | "Range", Err(error)) = (scope.as_str(), Net::parse(&value)) {
            bail!("item {number}: {error}");
        }
        let duration = or(duration, &self.duration);
        if let Err(why) = age(&duration) {
            bail!("item {number}: {duration:?}: {why}");
        }
        let (reason, kind) = (or(reason, &self.reason), or(kind, &self.kind));
        Ok(json!({
            "duration": duration, "origin": "cscli-import", "scenario": reason, "scope": scope,
            "simulated": false, "type": kind, "value": value,
        }))
    }
}

/// A file, or standard input for `-`, with its name for people.
///
/// # Errors
/// It cannot be read.
pub(super) fn bytes(input: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    if input == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("read standard input")?;
        return Ok(("stdin".to_owned(), bytes));
    }
    let name = input.display().to_string();
    let bytes = fs::read(input).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!("unable to open {name}: no such file or directory"),
        _ => anyhow!("unable to open {name}: {error}"),
    })?;
    Ok((name, bytes))
}

/// The rows of a CSV file whose first line names the columns.
///
/// # Errors
/// The first line names no `value`, or a line is none of its kind.
pub(super) fn table<T: DeserializeOwned>(bytes: &[u8]) -> anyhow::Result<Vec<T>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    if !reader.headers()?.iter().any(|name| name == "value") {
        bail!("its first line must name the columns, `value` among them");
    }
    Ok(reader.deserialize().collect::<Result<_, _>>()?)
}

fn read(bytes: &[u8], format: FileFormat) -> anyhow::Result<Vec<Raw>> {
    match format {
        FileFormat::Json => Ok(serde_json::from_slice(bytes)?),
        FileFormat::Csv => table(bytes),
        FileFormat::Values => {
            let text = std::str::from_utf8(bytes)?;
            let values = text.lines().map(str::trim).filter(|value| !value.is_empty());
            Ok(values.map(|value| Raw { value: value.to_owned(), ..Raw::default() }).collect())
        }
    }
}

/// Values that an allowlist has; said for each.
fn allowlisted(
    client: &Client,
    decisions: &[Value],
    size: usize,
) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for chunk in decisions.chunks(size) {
        let of_net =
            |decision: &&Value| matches!(text(decision, "/scope").as_str(), "Ip" | "Range");
        let targets: Vec<_> =
            chunk.iter().filter(of_net).map(|decision| text(decision, "/value")).collect();
        if targets.is_empty() {
            continue;
        }
        let answer = client.post(&["v1", "allowlists", "check"], &json!({ "targets": targets }))?;
        for result in items(&answer, "/results") {
            let target = text(result, "/target");
            let lists = items(result, "/allowlists").iter().filter_map(Value::as_str);
            let lists = lists.collect::<Vec<_>>().join(", ");
            println!("Value {target} is allowlisted by [{lists}]");
            found.insert(target);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, format: FileFormat) -> Result<Vec<String>, String> {
        let raw = read(text.as_bytes(), format).map_err(|error| error.to_string())?;
        let shown = |raw: Raw| format!("{} {} {}", raw.value, raw.duration, raw.kind);
        Ok(raw.into_iter().map(shown).collect())
    }

    #[test]
    fn files_are_read_in_every_format() {
        let values = |text, format| values(text, format).unwrap();
        assert_eq!(values(" 192.0.2.1 \n\n192.0.2.2", FileFormat::Values).len(), 2);
        let csv = "duration, value,type\n24h,192.0.2.1,captcha\n,192.0.2.2,\n";
        assert_eq!(values(csv, FileFormat::Csv), ["192.0.2.1 24h captcha", "192.0.2.2  "]);
        let json = r#"[{"value":"192.0.2.1","duration":"1h"},{"value":"x","extra":1}]"#;
        assert_eq!(values(json, FileFormat::Json), ["192.0.2.1 1h ", "x  "]);
    }

    #[test]
    fn a_table_without_a_header_is_refused() {
        let error = values("192.0.2.1\n192.0.2.2\n", FileFormat::Csv).unwrap_err();
        assert!(error.contains("must name the columns"), "{error}");
    }
}
