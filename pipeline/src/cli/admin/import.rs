//! `spillway decisions import`: decisions on the values of a file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use api::filter::Net;
use api::record::normal_scope;
use clap::{Args, ValueEnum};
use csv::StringRecord;
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::client::Client;
use super::output::{items, text};
use super::posted::Posted;
use super::target::age;

/// Decisions of one request: one request may take 50 MB.
const MOST: usize = 100_000;
/// What is said of a decision beside its texts. Unit: bytes of JSON.
const FRAME: usize = 100;

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

/// A decision as a file writes it; what it does not say is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw<'a> {
    #[serde(borrow)]
    duration: Cow<'a, str>,
    #[serde(borrow, alias = "scenario")]
    reason: Cow<'a, str>,
    #[serde(borrow)]
    scope: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

/// A decision as it is posted. There may be a million: what one has as the one before it, both share.
#[derive(Clone, Debug)]
struct Decision {
    what: Arc<What>,
    value: Box<str>,
}

/// What many decisions have in common.
#[derive(Debug, PartialEq, Eq)]
struct What {
    duration: String,
    scenario: String,
    scope: String,
    kind: String,
}

impl What {
    fn is(&self, duration: &str, scenario: &str, scope: &str, kind: &str) -> bool {
        self.duration == duration
            && self.scenario == scenario
            && self.scope == scope
            && self.kind == kind
    }
}

impl Decision {
    /// What it takes as JSON, about. Unit: bytes.
    fn size(&self) -> usize {
        let What { duration, scenario, scope, kind } = &*self.what;
        [duration, scenario, scope, kind].map(String::len).iter().sum::<usize>()
            + self.value.len()
            + FRAME
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut to = to.serialize_struct("Decision", 6)?;
        to.serialize_field("duration", &self.what.duration)?;
        to.serialize_field("origin", "cscli-import")?;
        to.serialize_field("scenario", &self.what.scenario)?;
        to.serialize_field("scope", &self.what.scope)?;
        to.serialize_field("type", &self.what.kind)?;
        to.serialize_field("value", &self.value)?;
        to.end()
    }
}

impl Import {
    pub(super) fn run(self, client: &Client) -> anyhow::Result<()> {
        let format = self.format()?;
        let (name, bytes) = bytes(&self.input)?;
        let mut decisions: Vec<Decision> = Vec::new();
        let read = read(&bytes, format, &mut |raw| {
            let decision = self.decision(decisions.len() + 1, raw, decisions.last());
            decision.map(|decision| decisions.push(decision))
        });
        read.with_context(|| format!("read {name}"))?;
        drop(bytes);
        if decisions.is_empty() {
            bail!("no decisions found in {name}");
        }
        let size = if self.batch == 0 { MOST } else { self.batch.min(MOST) };
        let allowed = allowlisted(client, &decisions, size)?;
        decisions.retain(|decision| !allowed.contains(&*decision.value));
        for chunk in decisions.chunks(size) {
            let scenario = format!("import {name}: {} IPs", chunk.len());
            let source = json!({ "scope": "", "value": "" });
            let alert = Posted::new(&scenario, "", &source, chunk);
            let about = chunk.iter().map(Decision::size).sum();
            client.post_long(&["v1", "alerts"], &[alert], about)?;
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

    /// The decision of an item, behind that of the item before it.
    fn decision(
        &self,
        number: usize,
        raw: Raw<'_>,
        before: Option<&Decision>,
    ) -> anyhow::Result<Decision> {
        let Raw { duration, reason, scope, kind, value } = raw;
        if value.is_empty() {
            bail!("item {number}: `value` is missing");
        }
        let scope = normal_scope(or(&scope, &self.scope));
        if let ("Ip" | "Range", Err(error)) = (scope, Net::parse(&value)) {
            bail!("item {number}: {error}");
        }
        let duration = or(&duration, &self.duration);
        let (scenario, kind) = (or(&reason, &self.reason), or(&kind, &self.kind));
        let value = value.into();
        if let Some(before) = before
            && before.what.is(duration, scenario, scope, kind)
        {
            return Ok(Decision { what: Arc::clone(&before.what), value });
        }
        if let Err(why) = age(duration) {
            bail!("item {number}: {duration:?}: {why}");
        }
        let [duration, scenario, scope, kind] =
            [duration, scenario, scope, kind].map(str::to_owned);
        Ok(Decision { what: Arc::new(What { duration, scenario, scope, kind }), value })
    }
}

fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
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

/// A CSV file whose first line names the columns.
///
/// # Errors
/// The first line names no `value`.
pub(super) fn table(bytes: &[u8]) -> anyhow::Result<csv::Reader<&[u8]>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    if !reader.headers()?.iter().any(|name| name == "value") {
        bail!("its first line must name the columns, `value` among them");
    }
    Ok(reader)
}

fn read(
    bytes: &[u8],
    format: FileFormat,
    each: &mut dyn FnMut(Raw<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match format {
        FileFormat::Json => listed(bytes, each),
        FileFormat::Csv => {
            let mut table = table(bytes)?;
            let (names, mut row) = (table.headers()?.clone(), StringRecord::new());
            while table.read_record(&mut row)? {
                each(row.deserialize(Some(&names))?)?;
            }
            Ok(())
        }
        FileFormat::Values => {
            let text = std::str::from_utf8(bytes)?;
            let values = text.lines().map(str::trim).filter(|value| !value.is_empty());
            values.map(|value| Raw { value: value.into(), ..Raw::default() }).try_for_each(each)
        }
    }
}

/// The items of a JSON list, as they are read.
fn listed(bytes: &[u8], each: &mut dyn FnMut(Raw<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut items = Items { each, refused: None };
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let read = from.deserialize_seq(&mut items).and_then(|()| from.end());
    match items.refused {
        Some(refused) => Err(refused),
        None => Ok(read?),
    }
}

struct Items<'f> {
    each: &'f mut dyn FnMut(Raw<'_>) -> anyhow::Result<()>,
    /// Why one was not taken.
    refused: Option<anyhow::Error>,
}

impl<'de> Visitor<'de> for &mut Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of decisions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        while let Some(item) = from.next_element::<Raw<'de>>()? {
            if let Err(refused) = (self.each)(item) {
                self.refused = Some(refused);
                return Err(A::Error::custom("an item is refused"));
            }
        }
        Ok(())
    }
}

/// Values that an allowlist has; said for each.
fn allowlisted(
    client: &Client,
    decisions: &[Decision],
    size: usize,
) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    if client.list(&["v1", "allowlists"], &[])?.is_empty() {
        return Ok(found);
    }
    for chunk in decisions.chunks(size) {
        let nets = chunk.iter().filter(|decision| matches!(&*decision.what.scope, "Ip" | "Range"));
        let targets: Vec<&str> = nets.map(|decision| &*decision.value).collect();
        if targets.is_empty() {
            continue;
        }
        let targets = BTreeMap::from([("targets", targets)]);
        let answer = client.post(&["v1", "allowlists", "check"], &targets)?;
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
        let mut shown = Vec::new();
        let read = read(text.as_bytes(), format, &mut |raw| {
            shown.push(format!("{} {} {}", raw.value, raw.duration, raw.kind));
            Ok(())
        });
        read.map(|()| shown).map_err(|error| error.to_string())
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
    fn an_item_says_nothing_about_the_next() {
        let import = Import {
            input: "-".into(),
            duration: "4h".to_owned(),
            scope: "ip".to_owned(),
            reason: "manual".to_owned(),
            kind: "ban".to_owned(),
            batch: 0,
            format: None,
        };
        let mut decisions: Vec<Decision> = Vec::new();
        let mut add = |value: &str, duration: &str, kind: &str| -> Result<String, String> {
            let (value, duration, kind) = (value.into(), duration.into(), kind.into());
            let raw = Raw { value, duration, kind, ..Raw::default() };
            let made = import.decision(decisions.len() + 1, raw, decisions.last());
            let made = made.map_err(|error| error.to_string())?;
            let What { duration, scope, kind, .. } = &*made.what;
            let shown = format!("{scope} {} {duration} {kind}", made.value);
            decisions.push(made);
            Ok(shown)
        };
        assert_eq!(add("192.0.2.1", "1h", "captcha").unwrap(), "Ip 192.0.2.1 1h captcha");
        assert_eq!(add("192.0.2.2", "1h", "").unwrap(), "Ip 192.0.2.2 1h ban");
        assert_eq!(add("192.0.2.3", "", "ban").unwrap(), "Ip 192.0.2.3 4h ban");
        assert_eq!(add("192.0.2.5", "4h", "").unwrap(), "Ip 192.0.2.5 4h ban");
        assert!(add("192.0.2.4", "soon", "").unwrap_err().starts_with("item 5: \"soon\": not a"));
        assert!(add("no", "", "").unwrap_err().starts_with("item 5: "));
        assert_eq!(add("", "", "").unwrap_err(), "item 5: `value` is missing");
        assert!(Arc::ptr_eq(&decisions[3].what, &decisions[2].what));
        let posted = serde_json::to_value(&decisions[0]).unwrap();
        let expected = json!({
            "duration": "1h", "origin": "cscli-import", "scenario": "manual", "scope": "Ip",
            "type": "captcha", "value": "192.0.2.1",
        });
        assert_eq!(posted, expected);
    }

    #[test]
    fn a_list_that_is_none_is_told_with_its_place() {
        let told = |text| values(text, FileFormat::Json).unwrap_err();
        assert!(told("{}").contains("expected a list of decisions at line 1 column"));
        assert!(told(r#"[{"value":"192.0.2.1"},"#).starts_with("EOF while parsing"));
        assert!(told("[] []").starts_with("trailing characters"));
        let mut refusing = |_: Raw<'_>| bail!("item 1: no");
        let error = read(br#"[{"value":"x"}]"#, FileFormat::Json, &mut refusing).unwrap_err();
        assert_eq!(error.to_string(), "item 1: no");
    }

    #[test]
    fn a_table_without_a_header_is_refused() {
        let error = values("192.0.2.1\n192.0.2.2\n", FileFormat::Csv).unwrap_err();
        assert!(error.contains("must name the columns"), "{error}");
    }
}
