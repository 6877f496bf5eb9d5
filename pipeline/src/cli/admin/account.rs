//! Accounts, which bouncers and machines are: found by name, removed, pruned when they are silent.

use anyhow::bail;
use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::output::{confirmed, text};
use crate::service::run::unix_nanos;

/// Younger than this an account that lives may only be between two signs of life. Unit: nanoseconds.
pub const SHORT: i64 = 120 * 1_000_000_000;

/// A kind of account.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What one is called: its routes bear this with an `s`.
    pub noun: &'static str,
    /// Where its name stands.
    pub name: &'static str,
}

/// Accounts that are to go.
#[derive(Debug, Args)]
pub struct Names {
    /// Their names
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Names that nobody has are no error
    #[arg(long)]
    ignore_missing: bool,
}

impl Kind {
    fn nouns(self) -> String {
        format!("{}s", self.noun)
    }

    /// All of the kind.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn all(self, client: &Client) -> anyhow::Result<Vec<Value>> {
        client.list(&["v1", "admin", &self.nouns()], &[])
    }

    /// Makes one; what it is told.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn add(self, client: &Client, new: &Value) -> anyhow::Result<Value> {
        client.post(&["v1", "admin", &self.nouns()], new)
    }

    /// The one of a name.
    ///
    /// # Errors
    /// There is none: the name that was probably meant.
    pub fn found<'a>(self, all: &'a [Value], name: &str) -> anyhow::Result<&'a Value> {
        if let Some(found) = all.iter().find(|one| text(one, self.name) == name) {
            return Ok(found);
        }
        bail!("no {} is called '{name}'{}", self.noun, nearest(all, self.name, name))
    }

    /// Removes one, and says so.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn delete(self, client: &Client, name: &str) -> anyhow::Result<()> {
        client.delete(&["v1", "admin", &self.nouns(), name], &[])?;
        eprintln!("{} '{name}' deleted successfully", self.noun);
        Ok(())
    }

    /// Whether those that are silent for `duration` may go, where that is so short that it concerns some
    /// that work: a person is asked.
    ///
    /// # Errors
    /// Nobody can be asked.
    pub fn may_prune(self, duration: i64, force: bool) -> anyhow::Result<bool> {
        let question = format!(
            "The duration is less than 2 minutes: {} that work may be removed. Go on?",
            self.nouns()
        );
        asked(duration >= SHORT || force, &question)
    }

    /// Shows those that are to go, asks, and removes them: how many.
    ///
    /// # Errors
    /// Nobody can be asked; as [`Client::send`].
    pub fn prune(
        self,
        client: &Client,
        doomed: &[Value],
        force: bool,
        show: impl FnOnce(&[Value]) -> anyhow::Result<()>,
    ) -> anyhow::Result<usize> {
        let nouns = self.nouns();
        if doomed.is_empty() {
            println!("No {nouns} to prune.");
            return Ok(0);
        }
        show(doomed)?;
        if !asked(force, &format!("These {nouns} are removed for good. Go on?"))? {
            return Ok(0);
        }
        for one in doomed {
            client.delete(&["v1", "admin", &nouns, &text(one, self.name)], &[])?;
        }
        Ok(doomed.len())
    }
}

/// Whether it is agreed upon already, or by the person who is asked.
fn asked(agreed: bool, question: &str) -> anyhow::Result<bool> {
    let goes_on = agreed || confirmed(question)?;
    if !goes_on {
        println!("Nothing was changed.");
    }
    Ok(goes_on)
}

impl Names {
    /// Those of them that are there.
    ///
    /// # Errors
    /// One is not there, and that matters.
    pub fn present<'a>(
        &'a self,
        kind: Kind,
        all: &'a [Value],
    ) -> impl Iterator<Item = anyhow::Result<(&'a str, &'a Value)>> {
        self.names.iter().filter_map(move |name| match kind.found(all, name) {
            Ok(one) => Some(Ok((name.as_str(), one))),
            Err(_) if self.ignore_missing => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// The name that was probably meant.
pub fn nearest(all: &[Value], pointer: &str, name: &str) -> String {
    let names: Vec<_> = all.iter().map(|one| text(one, pointer)).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    match operators::yaml::suggestion(name, &names) {
        Some(suggestion) => format!("; {}", suggestion.replace('`', "'")),
        None => String::new(),
    }
}

/// Whether the first of these times that is there is longer ago than `duration` (nanoseconds).
pub fn is_silent(one: &Value, pointers: &[&str], duration: i64) -> bool {
    seen(one, pointers) < unix_nanos().saturating_sub(duration)
}

/// The first of these times that is there, 0 for none. Unit: nanoseconds since the Unix epoch.
pub fn seen(one: &Value, pointers: &[&str]) -> i64 {
    let mut times = pointers.iter().map(|pointer| text(one, pointer));
    let time = times.find(|time| !time.is_empty());
    time.and_then(|time| api::wire::text::read_rfc3339(&time)).unwrap_or(0)
}
