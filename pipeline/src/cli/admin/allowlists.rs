//! `spillway allowlists`: addresses and networks that no decision may hit.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::bail;
use api::filter::Net;
use api::wire::text::{read_rfc3339, rfc3339};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::Access;
use super::account::nearest;
use super::client::Client;
use super::import;
use super::output::{Output, Row, items, text};
use super::target::nanos;
use crate::cli::Format;
use crate::service::run::unix_nanos;

/// What the API writes for `never`.
const NEVER: &str = "0001-01-01T00:00:00.000Z";

/// See and change allowlists.
#[derive(Debug, Args)]
pub struct Allowlists {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make one
    Create {
        /// Its name
        name: String,
        /// What it is for
        #[arg(short, long)]
        description: String,
    },
    /// Put addresses and ranges on one; decisions that they cover end
    #[command(after_help = "\
Example:
  spillway allowlists add office 192.0.2.7 198.51.100.0/24 -e 7d -d \"the office\"")]
    Add {
        /// Its name
        name: String,
        /// The addresses and ranges
        #[arg(required = true, value_name = "VALUE")]
        values: Vec<String>,
        /// For so long (24h, 7d)
        #[arg(short, long, value_name = "AGE", value_parser = nanos)]
        expiration: Option<i64>,
        /// Why
        #[arg(short = 'd', long, default_value = "")]
        comment: String,
    },
    /// Take addresses and ranges off one
    Remove {
        /// Its name
        name: String,
        /// The addresses and ranges, as they were written
        #[arg(required = true, value_name = "VALUE")]
        values: Vec<String>,
    },
    /// Delete one, with all that is on it
    Delete {
        /// Its name
        name: String,
    },
    /// List them
    List,
    /// Say whether an address or range is on one
    Check {
        /// The addresses and ranges
        #[arg(required = true, value_name = "VALUE")]
        values: Vec<String>,
    },
    /// Show what is on one
    Inspect {
        /// Its name
        name: String,
    },
    /// Put what a CSV file has on one: value, expiration, comment, with a header
    Import {
        /// Its name
        name: String,
        /// The file; - for standard input
        #[arg(short, long, value_name = "FILE")]
        input: std::path::PathBuf,
    },
}

/// An entry as a file writes it.
#[derive(Debug, Deserialize)]
struct Raw {
    value: String,
    #[serde(default)]
    expiration: String,
    #[serde(default)]
    comment: String,
}

impl Allowlists {
    /// Runs the command.
    ///
    /// # Errors
    /// The service is not reached, or refuses.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (client, output) = (self.access.connect()?, self.access.output());
        match self.verb {
            Verb::Create { name, description } => {
                let body = json!({ "name": name, "description": description });
                client.post(&["v1", "admin", "allowlists"], &body)?;
                println!("allowlist '{name}' created successfully");
            }
            Verb::Add { name, values, expiration, comment } => {
                let item = |value: String| (value, expiration, comment.clone());
                add(&client, &name, values.into_iter().map(item).collect())?;
            }
            Verb::Remove { name, values } => remove(&client, &name, values)?,
            Verb::Delete { name } => {
                known(&client, &name)?;
                client.delete(&["v1", "admin", "allowlists", &name], &[])?;
                println!("allowlist '{name}' deleted successfully");
            }
            Verb::List => {
                let query = [("with_content", "true".to_owned())];
                list(&client.list(&["v1", "allowlists"], &query)?, output)?;
            }
            Verb::Check { values } => check(&client, &values)?,
            Verb::Inspect { name } => inspect(&known(&client, &name)?, output)?,
            Verb::Import { name, input } => {
                let (shown, bytes) = import::bytes(&input)?;
                let rows = import::table(&bytes)?.deserialize().collect::<Result<Vec<Raw>, _>>()?;
                if rows.is_empty() {
                    bail!("no values to import in {shown}");
                }
                let item = |(place, raw): (usize, Raw)| raw.item(place + 1);
                let rows = rows.into_iter().enumerate().map(item);
                add(&client, &name, rows.collect::<anyhow::Result<_>>()?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Value, nanoseconds until it expires, comment.
type Item = (String, Option<i64>, String);

impl Raw {
    fn item(self, number: usize) -> anyhow::Result<Item> {
        let Self { value, expiration, comment } = self;
        if value.is_empty() {
            bail!("row {number}: `value` is missing");
        }
        let expiration = match expiration.as_str() {
            "" => None,
            age => Some(nanos(age).map_err(|why| anyhow::anyhow!("row {number}: {age:?}: {why}"))?),
        };
        Ok((value, expiration, comment))
    }
}

/// The list of a name, with all that is on it.
fn known(client: &Client, name: &str) -> anyhow::Result<Value> {
    let query = [("with_content", "true".to_owned())];
    let mut all = client.list(&["v1", "allowlists"], &query)?;
    match all.iter().position(|list| text(list, "/name") == name) {
        Some(place) => Ok(all.swap_remove(place)),
        None => bail!("allowlist '{name}' not found{}", nearest(&all, "/name", name)),
    }
}

fn add(client: &Client, name: &str, wanted: Vec<Item>) -> anyhow::Result<()> {
    let list = known(client, name)?;
    let mut there: BTreeSet<_> =
        items(&list, "/items").iter().map(|item| text(item, "/value")).collect();
    let now = unix_nanos();
    let mut new = Vec::new();
    for (value, expiration, comment) in wanted {
        Net::parse(&value)?;
        if !there.insert(value.clone()) {
            eprintln!("value {value} already in allowlist");
            continue;
        }
        let expiration = expiration.map(|age| rfc3339(now.saturating_add(age)));
        new.push(json!({ "value": value, "description": comment, "expiration": expiration }));
    }
    if new.is_empty() {
        println!("no new values for allowlist");
        return Ok(());
    }
    let count = new.len();
    let path = ["v1", "admin", "allowlists", name, "items"];
    let answer = client.post(&path, &json!({ "items": new }))?;
    println!("added {count} values to allowlist {name}");
    match text(&answer, "/expiredDecisions").as_str() {
        "" | "0" => {}
        ended => println!("{ended} decisions deleted by allowlists"),
    }
    Ok(())
}

fn remove(client: &Client, name: &str, mut values: Vec<String>) -> anyhow::Result<()> {
    let list = known(client, name)?;
    let there: Vec<_> = items(&list, "/items").iter().map(|item| text(item, "/value")).collect();
    values.retain(|value| {
        let is_there = there.contains(value);
        if !is_there {
            eprintln!("value {value} is not in allowlist {name}");
        }
        is_there
    });
    if values.is_empty() {
        println!("no value to remove from allowlist");
        return Ok(());
    }
    let (path, count) = (["v1", "admin", "allowlists", name, "items"], values.len());
    client.send(&Method::DELETE, &path, &[], Some(&json!({ "values": values })))?;
    println!("removed {count} values from allowlist {name}");
    Ok(())
}

fn check(client: &Client, values: &[String]) -> anyhow::Result<()> {
    for value in values {
        Net::parse(value)?;
    }
    let answer = client.post(&["v1", "allowlists", "check"], &json!({ "targets": values }))?;
    let found = items(&answer, "/results");
    for value in values {
        match found.iter().find(|result| text(result, "/target") == *value) {
            None => println!("{value} is not allowlisted"),
            Some(result) => {
                let why = items(result, "/allowlists").iter().filter_map(Value::as_str);
                let why = why.collect::<Vec<_>>().join(", ");
                println!("{value} is allowlisted by item {why}");
            }
        }
    }
    Ok(())
}

/// A time without its milliseconds, as cscli prints it; other texts stay as they are.
fn seconds(text: &str) -> String {
    read_rfc3339(text).map_or_else(|| text.to_owned(), rfc3339)
}

fn list(all: &[Value], output: Output) -> anyhow::Result<()> {
    let row = |list: &Value, managed: &str| {
        let size = items(list, "/items").len().to_string();
        let [name, description, created, updated] =
            ["/name", "/description", "/created_at", "/updated_at"].map(|name| text(list, name));
        [name, description, created, updated, managed.to_owned(), size]
    };
    match output.format {
        Format::Json => output.json(&Value::Array(all.to_vec()), 2),
        Format::Raw => {
            let header =
                ["name", "description", "created_at", "updated_at", "console_managed", "size"];
            let raw = |list: &Value| row(list, "false").map(|cell| seconds(&cell)).to_vec();
            output.csv(&header, all.iter().map(raw))
        }
        Format::Human => {
            let header =
                ["Name", "Description", "Created at", "Updated at", "Managed by Console", "Size"];
            let rows = all.iter().map(|list| Row::new(row(list, "no"))).collect();
            Ok(output.table("", &header, rows)?)
        }
    }
}

fn inspect(list: &Value, output: Output) -> anyhow::Result<()> {
    let row = |item: &Value| {
        let expires = match text(item, "/expiration").as_str() {
            NEVER => "never".to_owned(),
            at => seconds(at),
        };
        let created = seconds(&text(item, "/created_at"));
        [text(item, "/value"), text(item, "/description"), expires, created]
    };
    let (name, description) = (text(list, "/name"), text(list, "/description"));
    let all = items(list, "/items").iter();
    match output.format {
        Format::Json => output.json(list, 2),
        Format::Raw => {
            let header = [
                "name",
                "description",
                "value",
                "comment",
                "expiration",
                "created_at",
                "console_managed",
            ];
            let raw = |item: &Value| {
                let before = [name.clone(), description.clone()].into_iter();
                before.chain(row(item)).chain(["false".to_owned()]).collect::<Vec<_>>()
            };
            output.csv(&header, all.map(raw))
        }
        Format::Human => {
            let about = [
                ("Name", name),
                ("Description", description),
                ("Created at", text(list, "/created_at")),
                ("Updated at", text(list, "/updated_at")),
                ("Managed by Console", "no".to_owned()),
            ];
            let about = about.map(|(key, value)| Row::new([key.to_owned(), value]));
            output.table(&format!("Allowlist: {}", text(list, "/name")), &[], about.into())?;
            println!();
            let header = ["Value", "Comment", "Expiration", "Created at"];
            Ok(output.table("", &header, all.map(|item| Row::new(row(item))).collect())?)
        }
    }
}
