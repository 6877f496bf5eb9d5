//! `spillway decisions`: what is decided now, and by hand.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::bail;
use api::record::normal_scope;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::Access;
use super::client::Client;
use super::deletion::Deletion;
use super::import::Import;
use super::output::{Output, Row, items, text};
use super::posted::Posted;
use super::target::{Search, Target, age};
use super::why;
use crate::cli::Format;

/// See and change decisions.
#[derive(Debug, Args)]
pub struct Decisions {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List active decisions
    List(List),
    /// Decide by hand
    #[command(after_help = "\
Examples:
  spillway decisions add --ip 192.0.2.7
  spillway decisions add --range 192.0.2.0/24 --duration 24h --type captcha
  spillway decisions add --scope username --value bob")]
    Add(Add),
    /// End decisions
    #[command(visible_alias = "remove")]
    Delete(Delete),
    /// Decide on many values of a file
    Import(Import),
    /// Show which lines, which bucket and which rule are behind one
    Explain {
        /// Its number
        #[arg(value_name = "ID")]
        id: u64,
    },
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    search: Search,
    /// This type (ban, captcha)
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Alerts that are looked at; 0 for all
    #[arg(short, long, default_value_t = 100)]
    limit: u64,
    /// Without those that are only pretended
    #[arg(long)]
    no_simu: bool,
}

#[derive(Debug, Args)]
struct Add {
    /// This address
    #[arg(short, long, value_name = "IP")]
    ip: Option<String>,
    /// This range
    #[arg(short, long, value_name = "RANGE")]
    range: Option<String>,
    /// This value of the scope
    #[arg(short, long)]
    value: Option<String>,
    /// What the value is (ip, range, username)
    #[arg(long, default_value = "Ip")]
    scope: String,
    /// How long (30m, 4h, 2d)
    #[arg(short, long, default_value = "4h", value_parser = age)]
    duration: String,
    /// Why
    #[arg(short = 'R', long)]
    reason: Option<String>,
    /// What is done (ban, captcha, throttle)
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "ban")]
    kind: String,
    /// Even if an allowlist has it
    #[arg(short = 'B', long)]
    bypass_allowlist: bool,
}

#[derive(Debug, Args)]
struct Delete {
    #[command(flatten)]
    target: Target,
    /// This type (ban, captcha)
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// This one
    #[arg(long)]
    id: Option<u64>,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl Decisions {
    /// Runs the command.
    ///
    /// # Errors
    /// The service is not reached, or refuses.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (client, output) = (self.access.connect()?, self.access.output());
        match self.verb {
            Verb::List(list) => list.run(&client, output)?,
            Verb::Add(add) => add.run(&client)?,
            Verb::Delete(delete) => delete.run(&client)?,
            Verb::Import(import) => import.run(&client)?,
            Verb::Explain { id } => why::explain(&client, id, output)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self, client: &Client, output: Output) -> anyhow::Result<()> {
        let mut query = self.search.query(self.kind, self.limit)?;
        if self.no_simu {
            query.push(("simulated", "false".to_owned()));
        }
        query.push(("has_active_decision", "true".to_owned()));
        let mut alerts = client.list(&["v1", "alerts"], &query)?;
        let skipped = only_active(&mut alerts);
        match output.format {
            Format::Json => output.json(&Value::Array(alerts), 1),
            Format::Raw => {
                let mut header = RAW.to_vec();
                header.extend(self.search.machine.then_some("machine"));
                output.csv(&header, rows(&alerts, self.search.machine, true))
            }
            Format::Human if alerts.is_empty() => {
                println!("No active decisions");
                Ok(())
            }
            Format::Human => {
                let mut header = HUMAN.to_vec();
                header.extend(self.search.machine.then_some("Machine"));
                let rows = rows(&alerts, self.search.machine, false);
                output.table("", &header, rows.into_iter().map(Row::new).collect())?;
                if skipped > 0 {
                    println!("{skipped} duplicated entries skipped");
                }
                Ok(())
            }
        }
    }
}

const HUMAN: [&str; 10] = [
    "ID",
    "Source",
    "Scope:Value",
    "Reason",
    "Action",
    "Country",
    "AS",
    "Events",
    "expiration",
    "Alert ID",
];
const RAW: [&str; 11] = [
    "id",
    "source",
    "ip",
    "reason",
    "action",
    "country",
    "as",
    "events_count",
    "expiration",
    "simulated",
    "alert_id",
];

/// Leaves the active decisions of each alert, each once; how many were there before.
fn only_active(alerts: &mut [Value]) -> usize {
    let (mut known, mut skipped) = (BTreeSet::new(), 0);
    for alert in alerts {
        let Some(Value::Array(decisions)) = alert.get_mut("decisions") else { continue };
        decisions.retain(|decision| {
            let duration = text(decision, "/duration");
            if duration.starts_with('-') || duration == "0s" {
                return false;
            }
            let key = ["/simulated", "/type", "/scope", "/value"].map(|name| text(decision, name));
            let is_new = known.insert(key);
            skipped += usize::from(!is_new);
            is_new
        });
    }
    skipped
}

fn rows(alerts: &[Value], machine: bool, raw: bool) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for alert in alerts {
        for decision in items(alert, "/decisions") {
            let simulated = text(decision, "/simulated");
            let kind = text(decision, "/type");
            let mut row = vec![
                text(decision, "/id"),
                text(decision, "/origin"),
                format!("{}:{}", text(decision, "/scope"), text(decision, "/value")),
                text(decision, "/scenario"),
                if simulated == "true" && !raw { format!("(simul){kind}") } else { kind },
                text(alert, "/source/cn"),
                system(alert),
                text(alert, "/events_count"),
                text(decision, "/duration"),
            ];
            row.extend(raw.then_some(simulated));
            row.push(text(alert, "/id"));
            row.extend(machine.then(|| text(alert, "/machine_id")));
            rows.push(row);
        }
    }
    rows
}

/// Number and name of the autonomous system of an alert's source.
pub(super) fn system(alert: &Value) -> String {
    let (number, name) = (text(alert, "/source/as_number"), text(alert, "/source/as_name"));
    match number.as_str() {
        "" | "0" => String::new(),
        number => format!("{number} {name}"),
    }
}

impl Add {
    fn run(self, client: &Client) -> anyhow::Result<()> {
        let (scope, value) = match (self.ip, self.range, self.value) {
            (Some(ip), _, _) => ("Ip".to_owned(), ip),
            (_, Some(range), _) => ("Range".to_owned(), range),
            (_, _, Some(value)) => (normal_scope(&self.scope).to_owned(), value),
            _ => bail!("a value is required: --ip, --range, or --scope and --value"),
        };
        if let "Ip" | "Range" = scope.as_str() {
            if api::filter::Net::parse(&value).is_err() || (scope == "Ip" && value.contains('/')) {
                bail!("{value} is not a valid {}", scope.to_lowercase());
            }
            if !self.bypass_allowlist {
                refuse_allowlisted(client, &value)?;
            }
        }
        let kind = self.kind;
        let reason = match self.reason {
            Some(reason) => reason,
            None => format!("manual '{kind}' from '{}'", client.who()),
        };
        let decisions = [json!({
            "duration": self.duration, "origin": "cscli", "scenario": reason, "scope": scope,
            "type": kind, "value": value,
        })];
        let source = json!({ "ip": value, "scope": scope, "value": value });
        let alert = Posted::new(&reason, &reason, &source, &decisions);
        client.post(&["v1", "alerts"], &[alert])?;
        eprintln!("Decision successfully added");
        Ok(())
    }
}

fn refuse_allowlisted(client: &Client, value: &str) -> anyhow::Result<()> {
    let found = client.get(&["v1", "allowlists", "check", value], &[])?;
    if found.get("allowlisted") == Some(&Value::Bool(true)) {
        let reason = text(&found, "/reason");
        bail!(
            "{value} is allowlisted by item {reason}, use --bypass-allowlist to add the decision \
             anyway"
        );
    }
    Ok(())
}

impl Delete {
    fn run(self, client: &Client) -> anyhow::Result<()> {
        let named = !self.target.is_empty() || self.kind.is_some();
        let mut query = self.target.query("scopes")?;
        query.extend(self.kind.map(|kind| ("type", kind)));
        Deletion { noun: "decision", id: self.id, all: self.all, named, query }.run(client)
    }
}
