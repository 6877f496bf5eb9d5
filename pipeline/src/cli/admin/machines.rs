//! `spillway machines`: agents that post alerts, and people who ask over the network.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use operators::time::GoDuration;
use serde_json::{Value, json};

use super::access::Access;
use super::account::{Kind, Names, SHORT, is_silent, seen};
use super::client::Client;
use super::credentials::{self, Credentials};
use super::output::{Output, Row, items, secret, text};
use super::target::nanos;
use crate::cli::Format;
use crate::service::run::unix_nanos;

const KIND: Kind = Kind { noun: "machine", name: "/machineId" };
const SECOND: i64 = 1_000_000_000;

/// See and change machines.
#[derive(Debug, Args)]
pub struct Machines {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List them
    List,
    /// Add one, validated, and write its credentials
    #[command(after_help = "\
Examples:
  spillway machines add web1 --auto -f web1.yaml
  spillway machines add operator --auto --admin -f -")]
    Add(Add),
    /// Remove some
    #[command(visible_alias = "remove")]
    Delete(Names),
    /// Let one in that registered
    Validate {
        /// Its name
        name: String,
    },
    /// Remove those that no longer say that they live, and those that were never validated
    Prune(Prune),
    /// Show one
    Inspect {
        /// Its name
        name: String,
        /// Its hub items
        #[arg(short = 'H', long)]
        hub: bool,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// Its name
    name: Option<String>,
    /// Make a password, and a name where none is given
    #[arg(short, long)]
    auto: bool,
    /// Its password
    #[arg(short, long)]
    password: Option<String>,
    /// Ask for its password
    #[arg(short, long, conflicts_with = "password")]
    interactive: bool,
    /// Where its credentials are written; - for standard output
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Address of the API, as the machine reaches it; by default where it listens
    #[arg(short, long)]
    url: Option<String>,
    /// Change the password of a machine that is there, and overwrite the file
    #[arg(long)]
    force: bool,
    /// It may administer this server
    #[arg(long)]
    admin: bool,
}

#[derive(Debug, Args)]
struct Prune {
    /// So long they have not said that they live
    #[arg(short, long, default_value = "10m", value_parser = nanos)]
    duration: i64,
    /// Only those that were never validated
    #[arg(long)]
    not_validated_only: bool,
    /// Without asking
    #[arg(long)]
    force: bool,
}

impl Machines {
    /// Runs the command.
    ///
    /// # Errors
    /// The service is not reached, or refuses; credentials cannot be written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (client, output) = (self.access.connect()?, self.access.output());
        match self.verb {
            Verb::List => list(&KIND.all(&client)?, output)?,
            Verb::Add(add) => add.run(&client)?,
            Verb::Delete(names) => {
                for present in names.present(KIND, &KIND.all(&client)?) {
                    KIND.delete(&client, present?.0)?;
                }
            }
            Verb::Validate { name } => {
                KIND.found(&KIND.all(&client)?, &name)?;
                client.post(&["v1", "admin", "machines", &name, "validate"], &json!({}))?;
                eprintln!("machine '{name}' validated successfully");
            }
            Verb::Prune(prune) => prune.run(&client, output)?,
            Verb::Inspect { name, hub } => {
                inspect(KIND.found(&KIND.all(&client)?, &name)?, hub, output)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(all: &[Value], output: Output) -> anyhow::Result<()> {
    let field = |one: &Value, name| text(one, name);
    match output.format {
        Format::Json => output.json(&Value::Array(all.to_vec()), 2),
        Format::Raw => {
            let header = [
                "machine_id",
                "ip_address",
                "updated_at",
                "validated",
                "version",
                "auth_type",
                "last_heartbeat",
                "os",
            ];
            let row = |one: &Value| {
                let beat = match field(one, "/last_heartbeat").as_str() {
                    "" => "-".to_owned(),
                    beat => beat.to_owned(),
                };
                let [id, ip, updated, validated, version, auth] = [
                    "/machineId",
                    "/ipAddress",
                    "/updated_at",
                    "/isValidated",
                    "/version",
                    "/auth_type",
                ]
                .map(|name| field(one, name));
                let os = field(one, "/os").replace('?', "/");
                vec![id, ip, updated, validated, version, auth, beat, os]
            };
            output.csv(&header, all.iter().map(row))
        }
        Format::Human => {
            let header = [
                "Name",
                "IP Address",
                "Last Update",
                "Status",
                "Version",
                "OS",
                "Auth Type",
                "Last Heartbeat",
            ];
            Ok(output.table("", &header, all.iter().map(row).collect())?)
        }
    }
}

fn row(one: &Value) -> Row {
    let valid = text(one, "/isValidated") == "true";
    let sign = if valid { "✔" } else { "✘" };
    let beat = seen(one, &["/last_heartbeat"]);
    let since = unix_nanos().saturating_sub(beat);
    let (lives, shown) = match beat {
        0 => (false, "⚠ -".to_owned()),
        _ => {
            let shown = GoDuration(since / SECOND * SECOND).to_string();
            let lives = since <= SHORT;
            (lives, if lives { shown } else { format!("⚠ {shown}") })
        }
    };
    let [id, ip, updated, version, os, auth] =
        ["/machineId", "/ipAddress", "/updated_at", "/version", "/os", "/auth_type"]
            .map(|name| text(one, name));
    let cells = [id, ip, updated, sign.to_owned(), version, os, auth, shown];
    Row::new(cells).tinted(3, valid).tinted(7, lives)
}

impl Add {
    fn run(self, client: &Client) -> anyhow::Result<()> {
        let login = match (self.name, self.auto) {
            (Some(name), _) => name,
            (None, true) => made_name()?,
            (None, false) => bail!("please specify a machine name to add, or use --auto"),
        };
        let password = match self.password {
            None if self.interactive => secret("Please provide a password for the machine: ")?,
            None if !self.auto => bail!("please specify a password with --password or use --auto"),
            None => made_name()?,
            Some(given) => given,
        };
        let file = self.file.unwrap_or_else(credentials::usual);
        let to_stdout = file == Path::new("-");
        if !to_stdout && file.exists() && !self.force {
            bail!(
                "credentials file '{}' already exists: remove it, use --force, or name another with \
                 -f (- for standard output)",
                file.display()
            );
        }
        let body = json!({
            "machine_id": login, "password": password, "admin": self.admin,
            "force": self.force,
        });
        let url = self.url.map_or_else(|| client.url(), Ok)?;
        if url.is_empty() {
            bail!("no API is served here: say with --url where the machine reaches one");
        }
        let credentials = Credentials { url, login, password, ..Credentials::default() };
        let staged = (!to_stdout).then(|| credentials.stage(&file)).transpose()?;
        KIND.add(client, &body)?;
        eprintln!("Machine '{}' successfully added to the local API.", credentials.login);
        let Some(staged) = staged else {
            print!("{}", credentials.yaml());
            return Ok(());
        };
        staged.put()?;
        eprintln!("API credentials written to '{}'.", file.display());
        Ok(())
    }
}

/// A name that nobody else has.
pub(super) fn made_name() -> anyhow::Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)?;
    Ok(operators::alert::identity::hex(&bytes))
}

impl Prune {
    fn run(self, client: &Client, output: Output) -> anyhow::Result<()> {
        if !KIND.may_prune(self.duration, self.force || self.not_validated_only)? {
            return Ok(());
        }
        let mut doomed = KIND.all(client)?;
        doomed.retain(|one| {
            let pending = text(one, "/isValidated") != "true";
            let silent = is_silent(one, &["/last_heartbeat", "/created_at"], self.duration);
            pending || (silent && !self.not_validated_only)
        });
        let gone = KIND.prune(client, &doomed, self.force, |doomed| list(doomed, output))?;
        if gone > 0 {
            eprintln!("successfully deleted {gone} machines");
        }
        Ok(())
    }
}

fn inspect(one: &Value, hub: bool, output: Output) -> anyhow::Result<()> {
    if output.format != Format::Human {
        let shown = if hub { one.get("hub_items").unwrap_or(&Value::Null) } else { one };
        return output.json(shown, 2);
    }
    if hub {
        return inspect_hub(one, output);
    }
    let mut rows: Vec<_> = [
        ("IP Address", "/ipAddress"),
        ("Created At", "/created_at"),
        ("Last Update", "/updated_at"),
        ("Last Heartbeat", "/last_heartbeat"),
        ("Validated?", "/isValidated"),
        ("Administrator?", "/admin"),
        ("CrowdSec version", "/version"),
        ("OS", "/os"),
        ("Auth type", "/auth_type"),
    ]
    .map(|(name, pointer)| Row::new([name.to_owned(), text(one, pointer)]))
    .into();
    let sources = one.get("datasources").and_then(Value::as_object).into_iter().flatten();
    rows.extend(
        sources.map(|(name, count)| Row::new(["Datasources", &format!("{name}: {count}")])),
    );
    let flags = items(one, "/featureflags").iter();
    rows.extend(flags.map(|flag| Row::new(["Feature Flags".to_owned(), text(flag, "")])));
    let collections = items(one, "/hub_items/collections").iter();
    rows.extend(collections.map(|one| Row::new(["Collections".to_owned(), text(one, "/name")])));
    Ok(output.table(&format!("Machine: {}", text(one, "/machineId")), &[], rows)?)
}

fn inspect_hub(one: &Value, output: Output) -> anyhow::Result<()> {
    let kinds = one.get("hub_items").and_then(Value::as_object);
    let Some(kinds) = kinds.filter(|kinds| !kinds.is_empty()) else {
        println!("No hub items found for this machine");
        return Ok(());
    };
    for (kind, all) in kinds {
        let row =
            |item: &Value| Row::new(["/name", "/status", "/version"].map(|name| text(item, name)));
        let rows = items(all, "").iter().map(row).collect();
        output.table(kind, &["Name", "Status", "Version"], rows)?;
    }
    Ok(())
}
