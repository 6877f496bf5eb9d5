//! `spillway bouncers`: who enforces decisions.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::Access;
use super::client::Client;
use super::output::{Output, Row, confirmed, items, text};
use super::target::nanos;
use crate::cli::Format;
use crate::service::run::unix_nanos;

const PATH: [&str; 3] = ["v1", "admin", "bouncers"];
/// Younger than this a bouncer may only be between two pulls. Unit: nanoseconds.
const SHORT: i64 = 120 * 1_000_000_000;

/// See and change bouncers.
#[derive(Debug, Args)]
pub struct Bouncers {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List them
    List,
    /// Add one; its key is printed this once
    Add(Add),
    /// Remove some
    #[command(visible_alias = "remove")]
    Delete(Delete),
    /// Remove those that no longer ask for decisions
    Prune(Prune),
    /// Show one
    Inspect {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// Its name
    name: String,
    /// Its key, instead of one that is made
    #[arg(short, long)]
    key: Option<String>,
    /// What its blocklists hold, unless it asks otherwise (limit=5000&prefix=24,64&origins=crowdsec)
    #[arg(long, value_name = "QUERY", default_value = "", hide_default_value = true)]
    blocklist: String,
}

#[derive(Debug, Args)]
struct Delete {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Names that nobody has are no error
    #[arg(long)]
    ignore_missing: bool,
}

#[derive(Debug, Args)]
struct Prune {
    /// So long they have not asked
    #[arg(short, long, default_value = "1h", value_parser = nanos)]
    duration: i64,
    /// Without asking
    #[arg(long)]
    force: bool,
}

impl Bouncers {
    /// Runs the command.
    ///
    /// # Errors
    /// The service is not reached, or refuses.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (client, output) = (self.access.connect()?, self.access.output());
        match self.verb {
            Verb::List => list(&client.list(&PATH, &[])?, output)?,
            Verb::Add(add) => add.run(&client, output)?,
            Verb::Delete(delete) => delete.run(&client)?,
            Verb::Prune(prune) => prune.run(&client, output)?,
            Verb::Inspect { name } => {
                let all = client.list(&PATH, &[])?;
                inspect(found(&all, &name)?, output)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(all: &[Value], output: Output) -> anyhow::Result<()> {
    let valid = |bouncer: &Value| text(bouncer, "/revoked") != "true";
    let columns = |bouncer: &Value, valid: &str| {
        let [name, ip, pull, kind, version, auth] =
            ["/name", "/ip_address", "/last_pull", "/type", "/version", "/auth_type"]
                .map(|pointer| text(bouncer, pointer));
        vec![name, ip, valid.to_owned(), pull, kind, version, auth]
    };
    match output.format {
        Format::Json => output.json(&Value::Array(all.to_vec()), 2),
        Format::Raw => {
            let header = ["name", "ip", "revoked", "last_pull", "type", "version", "auth_type"];
            let row = |one: &Value| columns(one, if valid(one) { "validated" } else { "pending" });
            output.csv(&header, all.iter().map(row))
        }
        Format::Human => {
            let header =
                ["Name", "IP Address", "Valid", "Last API pull", "Type", "Version", "Auth Type"];
            let row = |one: &Value| {
                let sign = if valid(one) { "✔" } else { "✘" };
                Row::new(columns(one, sign)).tinted(2, valid(one))
            };
            Ok(output.table("", &header, all.iter().map(row).collect())?)
        }
    }
}

fn path(name: &str) -> [&str; 4] {
    ["v1", "admin", "bouncers", name]
}

/// The bouncer of a name.
fn found<'a>(all: &'a [Value], name: &str) -> anyhow::Result<&'a Value> {
    if let Some(found) = all.iter().find(|one| text(one, "/name") == name) {
        return Ok(found);
    }
    bail!("no bouncer is called '{name}'{}", nearest(all, "/name", name))
}

/// The name that was probably meant.
pub(super) fn nearest(all: &[Value], pointer: &str, name: &str) -> String {
    let names: Vec<_> = all.iter().map(|one| text(one, pointer)).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    match operators::yaml::suggestion(name, &names) {
        Some(suggestion) => format!("; {}", suggestion.replace('`', "'")),
        None => String::new(),
    }
}

impl Add {
    fn run(self, client: &Client, output: Output) -> anyhow::Result<()> {
        let name = &self.name;
        let made = client
            .post(&PATH, &json!({ "name": name, "key": self.key, "blocklist": self.blocklist }))?;
        let key = text(&made, "/api_key");
        match output.format {
            Format::Human => {
                println!("API key for '{name}':\n\n   {key}\n");
                println!("Please keep this key since you will not be able to retrieve it!");
            }
            Format::Raw => println!("{key}"),
            Format::Json => println!("{}", Value::from(key)),
        }
        Ok(())
    }
}

impl Delete {
    fn run(self, client: &Client) -> anyhow::Result<()> {
        let all = client.list(&PATH, &[])?;
        for name in &self.names {
            let one = match found(&all, name) {
                Ok(one) => one,
                Err(_) if self.ignore_missing => continue,
                Err(error) => return Err(error),
            };
            let is_own = |one: &Value| text(one, "/auto_created") != "true";
            if !is_own(one) && text(one, "/auth_type") != "tls" {
                let base = name.split('@').next().unwrap_or_default();
                eprintln!(
                    "bouncer '{name}' is auto-created and cannot be deleted, delete parent bouncer \
                     {base} instead"
                );
                continue;
            }
            let children = all.iter().filter(|one| !is_own(one)).map(|one| text(one, "/name"));
            let children = children.filter(|child| child.starts_with(&format!("{name}@")));
            for gone in children.chain([name.clone()]) {
                client.delete(&path(&gone), &[])?;
                eprintln!("bouncer '{gone}' deleted successfully");
            }
        }
        Ok(())
    }
}

impl Prune {
    fn run(self, client: &Client, output: Output) -> anyhow::Result<()> {
        let short =
            "The duration is less than 2 minutes: bouncers that work may be removed. Go on?";
        if self.duration < SHORT && !self.force && !confirmed(short)? {
            println!("Nothing was changed.");
            return Ok(());
        }
        let oldest = unix_nanos().saturating_sub(self.duration);
        let mut all = client.list(&PATH, &[])?;
        all.retain(|one| seen(one, &["/last_pull", "/created_at"]) < oldest);
        if all.is_empty() {
            println!("No bouncers to prune.");
            return Ok(());
        }
        list(&all, output)?;
        if !self.force && !confirmed("These bouncers are removed for good. Go on?")? {
            println!("Nothing was changed.");
            return Ok(());
        }
        for one in &all {
            client.delete(&path(&text(one, "/name")), &[])?;
        }
        eprintln!("Successfully deleted {} bouncers", all.len());
        Ok(())
    }
}

/// The first of these times that is there, 0 for none. Unit: nanoseconds since the Unix epoch.
pub(super) fn seen(one: &Value, pointers: &[&str]) -> i64 {
    let mut times = pointers.iter().map(|pointer| text(one, pointer));
    let time = times.find(|time| !time.is_empty());
    time.and_then(|time| api::wire::text::read_rfc3339(&time)).unwrap_or(0)
}

fn inspect(one: &Value, output: Output) -> anyhow::Result<()> {
    if output.format != Format::Human {
        return output.json(one, 2);
    }
    let mut rows: Vec<_> = [
        ("Created At", "/created_at"),
        ("Last Update", "/updated_at"),
        ("Revoked?", "/revoked"),
        ("IP Address", "/ip_address"),
        ("Type", "/type"),
        ("Version", "/version"),
        ("Last Pull", "/last_pull"),
        ("Auth type", "/auth_type"),
        ("OS", "/os"),
        ("Auto Created", "/auto_created"),
        ("Blocklist", "/blocklist"),
    ]
    .map(|(name, pointer)| Row::new([name.to_owned(), text(one, pointer)]))
    .into();
    let flags = items(one, "/featureflags").iter();
    rows.extend(flags.map(|flag| Row::new(["Feature Flags".to_owned(), text(flag, "")])));
    Ok(output.table(&format!("Bouncer: {}", text(one, "/name")), &[], rows)?)
}
