//! `spillway import`: what another system knew becomes known here.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::store::StoreArgs;
use crate::serve::import;
use crate::service::run::unix_nanos;
use crate::state::{Budget, Store, directory};

/// Import what another system knew.
#[derive(Debug, Args)]
pub struct Import {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// Machines, bouncers, allowlists, alerts and decisions of a CrowdSec server; keys and passwords go
    /// on working. Stop both services first
    Crowdsec {
        /// Its SQLite database
        #[arg(long, value_name = "FILE", default_value = "/var/lib/crowdsec/data/crowdsec.db")]
        db: PathBuf,
        #[command(flatten)]
        store: StoreArgs,
    },
}

impl Import {
    /// Runs the command.
    ///
    /// # Errors
    /// The database cannot be read, or the store not written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let From::Crowdsec { db, store } = self.from;
        let data = store.directory()?;
        let made = directory::prepare(&data).with_context(|| format!("make {}", data.display()))?;
        made.iter().for_each(|warning| eprintln!("{warning}"));
        let store = Store::open(&data, Budget::default())?;
        let imported = import::import(&db, &store, unix_nanos())
            .with_context(|| format!("import {}", db.display()))?;
        println!(
            "imported {} machines, {} bouncers, {} allowlists, {} alerts, {} decisions",
            imported.machines,
            imported.bouncers,
            imported.allowlists,
            imported.alerts,
            imported.decisions,
        );
        Ok(ExitCode::SUCCESS)
    }
}
