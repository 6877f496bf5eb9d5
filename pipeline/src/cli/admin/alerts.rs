//! `spillway alerts`: what was found.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::Access;
use super::client::{Client, deleted};
use super::decisions::system;
use super::deletion::Deletion;
use super::output::{Output, Row, items, text};
use super::target::{Search, Target, age};
use crate::cli::Format;
use crate::cli::alerts::printable;

/// See and delete alerts.
#[derive(Debug, Args)]
pub struct Alerts {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List alerts, the newest first
    List(List),
    /// Show alerts with their decisions and context
    Inspect(Inspect),
    /// Delete alerts and their decisions
    #[command(visible_alias = "remove")]
    Delete(Delete),
    /// Forget old alerts without an active decision now
    Flush(Flush),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    search: Search,
    /// With a decision of this type (ban, captcha)
    #[arg(long = "type", value_name = "TYPE")]
    kind_of_decision: Option<String>,
    /// Of this kind (crowdsec, waf, cscli)
    #[arg(long)]
    kind: Option<String>,
    /// At most so many; 0 for all
    #[arg(short, long, default_value_t = 50)]
    limit: u64,
}

#[derive(Debug, Args)]
struct Inspect {
    /// Their numbers
    #[arg(required = true, value_name = "ID")]
    ids: Vec<u64>,
    /// With their events
    #[arg(short, long)]
    details: bool,
}

#[derive(Debug, Args)]
struct Delete {
    #[command(flatten)]
    target: Target,
    /// This one
    #[arg(long)]
    id: Option<u64>,
    /// All of them
    #[arg(short, long)]
    all: bool,
}

#[derive(Debug, Args)]
struct Flush {
    /// So many stay at most
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    max_items: u64,
    /// So old they become
    #[arg(long, default_value = "7d", value_parser = age)]
    max_age: String,
}

impl Alerts {
    /// Runs the command.
    ///
    /// # Errors
    /// The service is not reached, or refuses.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (client, output) = (self.access.connect()?, self.access.output());
        match self.verb {
            Verb::List(list) => list.run(&client, output)?,
            Verb::Inspect(inspect) => inspect.run(&client, output)?,
            Verb::Delete(delete) => delete.run(&client)?,
            Verb::Flush(Flush { max_items, max_age }) => {
                let body = json!({ "max_items": max_items, "max_age": max_age });
                let answer = client.post(&["v1", "admin", "alerts", "flush"], &body)?;
                eprintln!("{} alert(s) flushed", deleted(&answer));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self, client: &Client, output: Output) -> anyhow::Result<()> {
        let mut query = self.search.query(self.kind_of_decision, self.limit)?;
        query.extend(self.kind.map(|kind| ("kind", kind)));
        let alerts = client.list(&["v1", "alerts"], &query)?;
        let machine = |alert: &Value| self.search.machine.then(|| text(alert, "/machine_id"));
        match output.format {
            Format::Json => output.json(&Value::Array(alerts), 1),
            Format::Raw => {
                let mut header = RAW.to_vec();
                header.extend(self.search.machine.then_some("machine"));
                let row = |alert: &Value| {
                    raw(alert).into_iter().chain(machine(alert)).collect::<Vec<_>>()
                };
                output.csv::<String>(&header, alerts.iter().map(row))
            }
            Format::Human if alerts.is_empty() => {
                println!("No active alerts");
                Ok(())
            }
            Format::Human => {
                let mut header = HUMAN.to_vec();
                header.extend(self.search.machine.then_some("machine"));
                let row = |alert: &Value| Row::new(human(alert).into_iter().chain(machine(alert)));
                Ok(output.table("", &header, alerts.iter().map(row).collect())?)
            }
        }
    }
}

const HUMAN: [&str; 8] =
    ["ID", "value", "reason", "country", "as", "decisions", "created_at", "kind"];
const RAW: [&str; 9] =
    ["id", "scope", "value", "reason", "country", "as", "decisions", "created_at", "kind"];

fn human(alert: &Value) -> [String; 8] {
    [
        text(alert, "/id"),
        about(alert),
        text(alert, "/scenario"),
        text(alert, "/source/cn"),
        system(alert),
        counted(alert),
        text(alert, "/start_at"),
        text(alert, "/kind"),
    ]
}

fn raw(alert: &Value) -> [String; 9] {
    [
        text(alert, "/id"),
        text(alert, "/source/scope"),
        text(alert, "/source/value"),
        text(alert, "/scenario"),
        text(alert, "/source/cn"),
        system(alert),
        counted(alert),
        text(alert, "/created_at"),
        text(alert, "/kind"),
    ]
}

/// What an alert is about: its source, or how many values it decided on.
fn about(alert: &Value) -> String {
    let (scope, value) = (text(alert, "/source/scope"), text(alert, "/source/value"));
    match items(alert, "/decisions") {
        [first, _, ..] => {
            let count = items(alert, "/decisions").len();
            format!("{scope} ({count} {}s)", text(first, "/scope")).trim_start().to_owned()
        }
        _ if value.is_empty() => scope,
        _ => format!("{scope}:{value}"),
    }
}

/// How many decisions of each type, such as `ban:1`.
fn counted(alert: &Value) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for decision in items(alert, "/decisions") {
        let pretended = if text(decision, "/simulated") == "true" { "(simul)" } else { "" };
        *counts.entry(format!("{pretended}{}", text(decision, "/type"))).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{kind}:{count}")).collect();
    counts.join(" ")
}

impl Inspect {
    fn run(self, client: &Client, output: Output) -> anyhow::Result<()> {
        for id in self.ids {
            let alert = client.get(&["v1", "alerts", &id.to_string()], &[]);
            let alert = alert.with_context(|| format!("can't find alert with id {id}"))?;
            match output.format {
                Format::Json => output.json(&alert, 2)?,
                Format::Raw => output.yaml(&alert)?,
                Format::Human => show(&alert, self.details, output)?,
            }
        }
        Ok(())
    }
}

fn show(alert: &Value, details: bool, output: Output) -> anyhow::Result<()> {
    println!("\n{}", "#".repeat(96));
    let flag = |name: &str| match text(alert, name).as_str() {
        "" => "false".to_owned(),
        told => told.to_owned(),
    };
    let lines = [
        ("ID", text(alert, "/id")),
        ("Date", text(alert, "/created_at")),
        ("Machine", text(alert, "/machine_id")),
        ("Simulation", flag("/simulated")),
        ("Remediation", flag("/remediation")),
        ("Kind", text(alert, "/kind")),
        ("Reason", text(alert, "/scenario")),
        ("Events Count", text(alert, "/events_count")),
        ("Scope:Value", about(&json!({ "source": alert.get("source") }))),
        ("Country", text(alert, "/source/cn")),
        ("AS", text(alert, "/source/as_name")),
        ("Begin", text(alert, "/start_at")),
        ("End", text(alert, "/stop_at")),
        ("UUID", text(alert, "/uuid")),
    ];
    for (name, value) in lines {
        println!(" - {name:<12} : {}", printable(&value));
    }
    println!();
    show_decisions(alert, output)?;
    show_context(alert, output)?;
    if details {
        println!("\n - Events  :");
        for event in items(alert, "/events") {
            println!("\n- Date: {}", printable(&text(event, "/timestamp")));
            output.table("", &["Key", "Value"], pairs(event, "/meta"))?;
        }
    }
    Ok(())
}

fn show_decisions(alert: &Value, output: Output) -> anyhow::Result<()> {
    let active = items(alert, "/decisions").iter().filter(|decision| {
        let left = text(decision, "/duration");
        !left.starts_with('-') && left != "0s"
    });
    let row = |decision: &Value| {
        Row::new([
            text(decision, "/id"),
            format!("{}:{}", text(decision, "/scope"), text(decision, "/value")),
            text(decision, "/type"),
            text(decision, "/duration"),
            text(alert, "/created_at"),
        ])
    };
    let rows: Vec<_> = active.map(row).collect();
    if !rows.is_empty() {
        let header = ["ID", "scope:value", "action", "expiration", "created_at"];
        output.table(" - Active Decisions  :", &header, rows)?;
    }
    Ok(())
}

/// Each value of the context in a line of its own.
fn show_context(alert: &Value, output: Output) -> anyhow::Result<()> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for meta in items(alert, "/meta") {
        let (key, value) = (text(meta, "/key"), text(meta, "/value"));
        match serde_json::from_str::<Vec<String>>(&value) {
            Ok(values) => rows.extend(values.into_iter().map(|value| (key.clone(), value))),
            Err(_) => rows.push((key, value)),
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort();
    let rows = rows.into_iter().map(|(key, value)| Row::new([key, value])).collect();
    Ok(output.table("\n - Context  :", &["Key", "Value"], rows)?)
}

fn pairs(value: &Value, pointer: &str) -> Vec<Row> {
    let pair = |meta: &Value| [text(meta, "/key"), text(meta, "/value")];
    let mut pairs: Vec<_> = items(value, pointer).iter().map(pair).collect();
    pairs.sort();
    pairs.into_iter().map(Row::new).collect()
}

impl Delete {
    fn run(self, client: &Client) -> anyhow::Result<()> {
        let (named, query) = (!self.target.is_empty(), self.target.query("scope")?);
        Deletion { noun: "alert", id: self.id, all: self.all, named, query }.run(client)
    }
}
