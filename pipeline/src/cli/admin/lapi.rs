//! `spillway lapi`: this host as a machine of a server, and what its alerts carry along.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::Access;
use super::client::Client;
use super::credentials::{self, Credentials};
use super::fields;
use super::machines::made_name;
use crate::hub::RuleSet;

/// This host as a machine of a server.
#[derive(Debug, Args)]
pub struct Lapi {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make this host known to a server and write its credentials
    Register(Register),
    /// Say whether the server takes this host's credentials
    Status,
    /// Print the OpenAPI document of the decision API
    Openapi,
    /// What alerts carry along
    Context {
        #[command(subcommand)]
        verb: ContextVerb,
    },
}

#[derive(Debug, Args)]
struct Register {
    /// Address of the server (http://192.0.2.1:8080)
    #[arg(short, long)]
    url: String,
    /// Name of this host there
    #[arg(long)]
    machine: Option<String>,
    /// Where the credentials are written; - for standard output
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Authorities that may sign the certificate of the server, PEM; by default the system's
    #[arg(long, value_name = "FILE")]
    ca_cert: Option<PathBuf>,
    /// Token of servers that need no validation with it
    #[arg(long)]
    token: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ContextVerb {
    /// Add an expression to a key
    Add {
        /// The key; by default the last part of the expression
        #[arg(short, long)]
        key: Option<String>,
        /// The expression (evt.Meta.source_ip)
        #[arg(long, required = true, value_delimiter = ',')]
        value: Vec<String>,
    },
    /// List keys and expressions
    Status,
    /// Take keys, or expressions of a key, away
    Delete {
        /// The key
        #[arg(short, long)]
        key: String,
        /// The expressions; all of the key without any
        #[arg(long, value_delimiter = ',')]
        value: Vec<String>,
    },
    /// List fields that parsers fill
    Detect {
        /// Of these parsers
        #[arg(value_name = "PARSER", required_unless_present = "all")]
        parsers: Vec<String>,
        /// Of all
        #[arg(short, long)]
        all: bool,
    },
}

impl Lapi {
    /// Runs the command.
    ///
    /// # Errors
    /// The server is not reached or refuses; a file cannot be read or written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Register(register) => register.run()?,
            Verb::Status => {
                let client = self.access.connect()?;
                client.get(&["v1", "alerts"], &[("limit", "1".to_owned())])?;
                println!("You can successfully interact with Local API (LAPI)");
            }
            Verb::Openapi => println!("{}", api::openapi::text()?),
            Verb::Context { verb } => {
                let rules = self.access.settings()?.rules.inspect(Box::new(|_| None)).set;
                match verb {
                    ContextVerb::Status => status(&rules),
                    ContextVerb::Detect { parsers, all } => detect(&rules, &parsers, all),
                    ContextVerb::Add { key, value } => add(&rules, key.as_deref(), &value)?,
                    ContextVerb::Delete { key, value } => delete(&rules, &key, &value)?,
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Register {
    fn run(self) -> anyhow::Result<()> {
        let url = match self.url.contains("://") {
            true => self.url,
            false => format!("http://{}", self.url),
        };
        let login = self.machine.map_or_else(made_name, Ok)?;
        let password = made_name()?;
        let body = json!({
            "machine_id": login, "password": password, "registration_token": self.token,
        });
        let authorities = self.ca_cert.map(std::path::absolute).transpose()?;
        let credentials = Credentials { url, login, password, authorities, identity: None };
        let client = Client::unknown(&credentials)?;
        let file = self.file.unwrap_or_else(credentials::usual);
        let to_stdout = file == Path::new("-");
        let staged = (!to_stdout).then(|| credentials.stage(&file)).transpose()?;
        client
            .post(&["v1", "watchers"], &body)
            .with_context(|| format!("register at {}", credentials.url))?;
        eprintln!("Successfully registered to Local API (LAPI)");
        let Some(staged) = staged else {
            print!("{}", credentials.yaml());
            return Ok(());
        };
        staged.put()?;
        eprintln!("Local API credentials written to '{}'", file.display());
        if self.token.is_none() {
            let login = &credentials.login;
            eprintln!("Ask for `spillway machines validate {login}` on the server");
        }
        Ok(())
    }
}

/// Expressions by key.
type Expressions = BTreeMap<String, Vec<String>>;

fn expressions(rules: &RuleSet) -> Expressions {
    let mut all = Expressions::new();
    for spec in rules.contexts.iter().flat_map(|file| &file.contexts) {
        let list = all.entry(spec.key.value.clone()).or_default();
        for expression in &spec.expressions {
            if !list.contains(&expression.value) {
                list.push(expression.value.clone());
            }
        }
    }
    all
}

fn status(rules: &RuleSet) {
    let all = expressions(rules);
    if all.is_empty() {
        println!("No context found. `spillway lapi context add` adds some to your alerts.");
    }
    print!("{}", yaml(&all));
}

fn detect(rules: &RuleSet, wanted: &[String], all: bool) {
    let of_lines = ["evt.Line.Module", "evt.Line.Raw", "evt.Line.Src"].map(str::to_owned);
    let known = fields::of_parsers(rules);
    let listed = |name: &str, fields: &mut dyn Iterator<Item = &String>| {
        println!("{name} :\n");
        fields.for_each(|field| println!("  - {field}"));
        println!();
    };
    listed("Acquisition", &mut of_lines.iter());
    for (name, fields) in &known {
        if (all || wanted.contains(name)) && !fields.is_empty() {
            listed(name, &mut fields.iter());
        }
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    for name in wanted.iter().filter(|name| !known.contains_key(*name)) {
        let near = operators::yaml::suggestion(name, &names);
        let near = near.map(|near| format!("; {}", near.replace('`', "'"))).unwrap_or_default();
        eprintln!("parser '{name}' not found, can't detect fields{near}");
    }
}

fn yaml(all: &Expressions) -> String {
    let mut out = String::new();
    for (key, list) in all {
        out.push_str(&format!("{}:\n", Value::from(key.as_str())));
        for expression in list {
            out.push_str(&format!("  - {}\n", Value::from(expression.as_str())));
        }
    }
    out
}

/// The file of contexts that commands change, and what it says.
fn own(rules: &RuleSet) -> anyhow::Result<(&Path, Expressions)> {
    let Some(path) = &rules.console_context else {
        bail!(
            "the rules have no context file: make an empty console/context.yaml in an installed \
             configuration (`rules: {{directories: [/etc/crowdsec]}}`)"
        );
    };
    let shown = path.display().to_string();
    let of_file = rules.contexts.iter().filter(|file| *file.item.path == *shown);
    let mut all = Expressions::new();
    for spec in of_file.flat_map(|file| &file.contexts) {
        let texts = spec.expressions.iter().map(|expression| expression.value.clone());
        all.entry(spec.key.value.clone()).or_default().extend(texts);
    }
    Ok((path, all))
}

fn keep(path: &Path, all: &Expressions) -> anyhow::Result<()> {
    fs::write(path, yaml(all)).with_context(|| format!("write {}", path.display()))?;
    eprintln!("`spillway reload` lets the service take it up.");
    Ok(())
}

fn add(rules: &RuleSet, key: Option<&str>, values: &[String]) -> anyhow::Result<()> {
    let (path, mut all) = own(rules)?;
    for value in values {
        let key = key.unwrap_or_else(|| value.rsplit('.').next().unwrap_or(value));
        let list = all.entry(key.to_owned()).or_default();
        if list.contains(value) {
            eprintln!("'{value}' is there already");
            continue;
        }
        list.push(value.clone());
        eprintln!("value '{value}' added to key '{key}'");
    }
    keep(path, &all)
}

fn delete(rules: &RuleSet, key: &str, values: &[String]) -> anyhow::Result<()> {
    let (path, mut all) = own(rules)?;
    let near = |known: &[&str], wanted: &str| {
        let near = operators::yaml::suggestion(wanted, known);
        near.map(|near| format!("; {}", near.replace('`', "'"))).unwrap_or_default()
    };
    let Some(list) = all.get_mut(key) else {
        let known: Vec<&str> = all.keys().map(String::as_str).collect();
        bail!("{} has no key '{key}'{}", path.display(), near(&known, key));
    };
    for value in values {
        let Some(place) = list.iter().position(|one| one == value) else {
            let known: Vec<&str> = list.iter().map(String::as_str).collect();
            bail!("key '{key}' has no value '{value}'{}", near(&known, value));
        };
        list.remove(place);
        eprintln!("value '{value}' removed from key '{key}'");
    }
    if values.is_empty() || list.is_empty() {
        all.remove(key);
        eprintln!("key '{key}' removed");
    }
    keep(path, &all)
}
