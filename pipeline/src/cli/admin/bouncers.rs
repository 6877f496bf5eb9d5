//! `spillway bouncers`: who enforces decisions.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::Access;
use super::account::{Kind, Names, is_silent};
use super::client::Client;
use super::output::{Output, Row, items, text};
use super::target::nanos;
use crate::cli::Format;

const KIND: Kind = Kind { noun: "bouncer", name: "/name" };

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
    Delete(Names),
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
    /// What its blocklists hold at most; a request narrows it (limit=5000&prefix=24,64&origins=crowdsec)
    #[arg(long, value_name = "QUERY", default_value = "", hide_default_value = true)]
    blocklist: String,
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
            Verb::List => list(&KIND.all(&client)?, output)?,
            Verb::Add(add) => add.run(&client, output)?,
            Verb::Delete(names) => delete(&names, &client)?,
            Verb::Prune(prune) => prune.run(&client, output)?,
            Verb::Inspect { name } => {
                inspect(KIND.found(&KIND.all(&client)?, &name)?, output)?;
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

impl Add {
    fn run(self, client: &Client, output: Output) -> anyhow::Result<()> {
        let name = &self.name;
        let new = json!({ "name": name, "key": self.key, "blocklist": self.blocklist });
        let made = KIND.add(client, &new)?;
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

/// Removes bouncers, and with each those that were made of it for addresses.
fn delete(names: &Names, client: &Client) -> anyhow::Result<()> {
    let all = KIND.all(client)?;
    let is_own = |one: &Value| text(one, "/auto_created") != "true";
    for present in names.present(KIND, &all) {
        let (name, one) = present?;
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
        for gone in children.chain([name.to_owned()]) {
            KIND.delete(client, &gone)?;
        }
    }
    Ok(())
}

impl Prune {
    fn run(self, client: &Client, output: Output) -> anyhow::Result<()> {
        if !KIND.may_prune(self.duration, self.force)? {
            return Ok(());
        }
        let mut doomed = KIND.all(client)?;
        doomed.retain(|one| is_silent(one, &["/last_pull", "/created_at"], self.duration));
        let gone = KIND.prune(client, &doomed, self.force, |doomed| list(doomed, output))?;
        if gone > 0 {
            eprintln!("Successfully deleted {gone} bouncers");
        }
        Ok(())
    }
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
