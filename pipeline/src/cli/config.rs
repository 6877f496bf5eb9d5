//! `spillway config`: what a configuration may hold, and what one holds.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::config::load;
use crate::config::schema::schema;
use crate::config::sections::ROOT;
use crate::config::show::show;
use crate::emit::{self, Stream};
use crate::hub::environment;
use crate::report::Report;

/// What a configuration may hold, and what one holds.
#[derive(Debug, Args)]
pub struct Config {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the JSON Schema of spillway.yaml, for editors, or of what goes out, for its readers
    Schema {
        /// Of what
        #[arg(value_enum, default_value_t)]
        of: Described,
    },
    /// Print a configuration as it counts, with defaults and without secrets
    Show {
        /// The configuration; by default /etc/spillway/spillway.yaml, if it is there
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// What has a schema.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Described {
    /// spillway.yaml
    #[default]
    Configuration,
    /// Messages of the alerts topic
    Alerts,
    /// Messages of the decisions topic
    Decisions,
    /// Messages of lines that no parser took
    Unparsed,
}

impl Config {
    /// Runs the command.
    ///
    /// # Errors
    /// The configuration does not load, or the output takes nothing.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut out = io::stdout().lock();
        match self.what {
            What::Schema { of } => {
                let schema = match of {
                    Described::Configuration => schema(&ROOT, "spillway.yaml"),
                    Described::Alerts => emit::schema(Stream::Alerts),
                    Described::Decisions => emit::schema(Stream::Decisions),
                    Described::Unparsed => emit::schema(Stream::Unparsed),
                };
                serde_json::to_writer_pretty(&mut out, &schema)?;
                out.write_all(b"\n")?;
            }
            What::Show { config } => {
                let loaded = load::load(config.as_deref(), &environment::process);
                eprint!("{}", Report::for_stderr().all(&loaded.errors, &loaded.warnings));
                anyhow::ensure!(loaded.errors.is_empty(), "the configuration does not load");
                out.write_all(show(&loaded.settings.values).as_bytes())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
